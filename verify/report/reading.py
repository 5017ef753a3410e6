"""Reading a report's document: the sentences that all renderings share.

Everything here is a function of the document alone (`Report.to_dict()`, or a stored `report.json`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from verify.nested import decimal, leaves, nested, sizes
from verify.rounding import HALF_DIGITS_ULPS

Document = Mapping[str, Any]
Entry = Mapping[str, Any]
FIGURES = ("verdict", "kind", "cases", "decided", "strain", "sensitivity", "ulps")
"""Fields of a result that other tools get as properties of a test."""

VERDICTS = ("holds", "broken", "silent")

MAX_NUMBERS = 40
"""Most real numbers, and most whole ones, of a case that a sentence shows; the document has all of them."""


PRINTED = 5
"""Lines of a candidate's output that a text shows; the document has more."""

SHOWN_LINES = 3
"""Last lines shown of the output of a candidate that hung or ended its process."""


def visible(text: object, *, lines: bool = False) -> str:
    r"""The text with control characters escaped, so that it can neither move a cursor nor start a new line.

    >>> print(visible("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    whole = str(text)
    if whole.isascii() and whole.isprintable():  # nearly every one
        return whole
    return "".join(c if _shows(c) or (lines and c == "\n") else c.encode("unicode_escape").decode() for c in whole)


def _shows(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def harmless(text: str) -> str:
    """The text with lines changed that a CI system would read as a command: a candidate may be called `::error`.

    >>> print(harmless("  ::error::no"))
      '::error::no
    """
    return re.sub(r"^(\s*)(::|##\[)", r"\1'\2", text, flags=re.MULTILINE)


def printable(text: str) -> str:
    """Text from other people's code or files, made safe for terminals and logs."""
    return harmless(visible(text, lines=True))


def figure(x: float | str | None, form: str = ".2g") -> str:
    """A number of the document as text; empty for what was not measured.

    >>> figure(0.02512), figure("inf"), figure(None)
    ('0.025', 'inf', '')
    """
    return "" if x is None else f"{float(x):{form}}"


LINEAR = ("W", "X", "y", "reg")
"""Names of the values of linear scores with labels."""
SCORES = ("scores", "y")
"""Names of the values of scores with labels."""


def values(case: Entry) -> dict[str, Any]:
    """The numbers of a case by name, nested as in the document: floats in hexadecimal, whole numbers plain. Empty without a case.

    Reports of an earlier version have W, X, y and reg only, or x in a row with its shape; for scores, W was their transpose.
    """
    if "values" in case:
        known = case["values"]
        first = LINEAR if is_linear(case) else SCORES if known.keys() >= set(SCORES) else ()
        by_name: dict[str, Any] = {name: known[name] for name in first} | known
    else:
        by_name = {"x": nested(case["x"], case["shape"])} if "x" in case else {name: case[name] for name in LINEAR if name in case}
    if "signature" in case and "W" in by_name:
        scores = {"scores": [list(row) for row in zip(*by_name["W"], strict=True)], "y": by_name["y"]}
        return scores | {name: value for name, value in by_name.items() if name not in LINEAR}
    return by_name


def listed(value: Any) -> str:
    """A value as text, with hexadecimal numbers unquoted.

    >>> print(listed([["0x1.8p+0"], ["0x0.0p+0"]]))
    [[0x1.8p+0], [0x0.0p+0]]
    """
    return f"[{', '.join(map(listed, value))}]" if isinstance(value, list) else str(value)


def is_linear(case: Entry) -> bool:
    """Whether the case has linear scores with labels, which stand beside its values: a function without a spec may use the same names for
    its own.
    """
    return case.keys() >= set(LINEAR)


def shape(case: Entry) -> str:
    """The sizes, the family, λ and the varying parameters of a case, as text."""
    found = values(case)
    numbers = "".join(f", {name}={decimal(value)!r}" for name, value in found.items() if name not in (*LINEAR, *SCORES))
    if "signature" in case:
        N, C = sizes(found["scores"])
        return f"N={N} C={C}, family {case['family']}{numbers}"
    if not is_linear(case):
        return f"{', '.join(f'{name} of shape {sizes(value)}' for name, value in found.items())}, family {case['family']}"
    (C, D), N = sizes(found["W"]), len(found["X"])
    return f"N={N} D={D} C={C}, family {case['family']}, reg={decimal(found['reg'])!r}{numbers}"


def is_small(case: Entry) -> bool:
    """Whether a sentence can show all its numbers."""
    arrays = [leaves(value) for value in (values(case) | case.get("upstream", {})).values() if isinstance(value, list)]
    whole = sum(isinstance(x, int) for row in arrays for x in row)
    return whole <= MAX_NUMBERS and sum(map(len, arrays)) - whole <= MAX_NUMBERS


def sentence(entry: Entry) -> str | None:
    """The sentence on a result that does not hold: law, loss, dtype, candidate, measured and allowed; None for one that holds."""
    loss = "a pair without a spec" if entry["loss"] == "none" else entry["loss"]
    where = f"{loss} ({entry['dtype']}), {visible(entry['candidate'])}"
    if entry["verdict"] == "broken":
        return f"{entry['law']} law broken for {where}: {measured(entry)}"
    if entry["verdict"] == "silent":
        return f"{entry['law']} law silent for {where}: nothing was decided ({visible(reasons(entry))})"
    return None


def reasons(entry: Entry) -> str:
    """Why nothing was decided, with the number of cases for each reason.

    >>> reasons({"undecided": {"no window": 3, "a kink": 1}}), reasons({"undecided": {"the run was ended": 1}})
    ('3 × no window, 1 × a kink', 'the run was ended')
    """
    if sum(entry["undecided"].values()) == 1:
        return str(*entry["undecided"])
    return ", ".join(f"{n} × {reason}" for reason, n in entry["undecided"].items()) or "no case was drawn"


def measured(entry: Entry) -> str:
    """The number that broke a law with the allowance, or what the candidate did instead of answering."""
    diagnosis = entry.get("diagnosis", {})
    return visible(diagnosis.get("measured", diagnosis.get("message", "")))


def cause(entry: Entry) -> str | None:
    """The probable mistake behind a broken law and the entries that it affects; None where only the measured number is known."""
    diagnosis = entry.get("diagnosis", {})
    if "measured" not in diagnosis:
        return None
    message, entries = diagnosis["message"], _entries(diagnosis["entries"])
    for condition in re.findall(r", only when .*", entries):  # it is in the message
        entries = entries.replace(condition, "") if condition in message or condition.removeprefix(", only") in message else entries
    return visible(message if entries == "all" else f"{message} (in {entries})")


def _entries(entries: Any) -> str:
    return entries if isinstance(entries, str) else ", ".join(str(list(e)) for e in entries)


def details(entry: Entry) -> list[str]:
    """The lines after the sentence: cause, witness and replay command, as far as they are known."""
    lines = [f"cause: {named}"] if (named := cause(entry)) else []
    return [*lines, *case_lines(entry), *last_printed(entry)]


def case_lines(entry: Entry) -> list[str]:
    """The witness, with its numbers if they are few, and the replay command."""
    case = entry.get("witness")
    if case is None:
        return []
    lines = [f"witness: {visible(shape(case))}"]
    if is_small(case):
        lines += [f"{visible(name)}={visible(decimal(found))}" for name, found in (_inputs(case) | case.get("upstream", {})).items()]
    return [*lines, f"replay: {visible(case['replay'])}"] if case.get("replay") else lines


def _inputs(case: Entry) -> dict[str, Any]:
    """The inputs that a sentence shows: without λ, which stands beside the sizes, and with targets in place of labels."""
    found = values(case)
    if "signature" not in case and not is_linear(case):
        return found
    labels = {"targets": case["targets"]} if "targets" in case else {"y": found["y"]}
    return {name: found[name] for name in ("W", "X", "scores") if name in found} | labels


def last_printed(entry: Entry) -> list[str]:
    """The last output of a candidate that gave no answer: it may say why."""
    if not entry.get("printed") or not ended(entry):
        return []
    return ["last printed:", *(f"  | {visible(line)}" for line in entry["printed"].splitlines()[-SHOWN_LINES:])]


def ended(entry: Entry) -> bool:
    """Whether the candidate gave no answer at all."""
    return entry.get("diagnosis", {}).get("code") in ("crashed", "hung")


def conventions(document: Document) -> Iterator[tuple[str, str]]:
    """Pairs of a candidate and its conventions in words."""
    for name, inferred in document["conventions"].items():
        varied = {
            name: f"{name} {inferred[name]} (varied: {min(v):g} to {max(v):g})"
            for name, v in inferred.get("varied", {}).items()
            if name in inferred
        }
        varied |= {"formula": _formula(inferred["formula"])} if "formula" in inferred else {}
        varied |= {
            name: f"{name} {inferred[name]} (found out from {how})"
            for name, how in inferred.get("found_out", {}).items()
            if name in inferred
        }
        varied |= {"wrt": f"gradients for {', '.join(inferred['wrt'])}"} if "wrt" in inferred else {}
        varied |= {"inputs": f"inputs {inferred['inputs']}"} if "inputs" in inferred else {}
        shown = ", ".join(varied.get(k, f"{k} {v}") for k, v in inferred.items() if k not in SAID_BESIDE)
        what = "gradient" if inferred.get("signature") == "objective" else "loss"
        doubt = "" if inferred.get("fits") else f": its {what} fits no combination of conventions, so these are assumed"
        yield visible(name), visible(shown + doubt)
        yield from ((visible(name), visible(ambiguity(*doubts))) for doubts in inferred.get("ambiguous", {}).items())


SAID_BESIDE = ("fits", "ambiguous", "varied", "found_out", "at")
"""Conventions that are reported in other places."""


def _formula(formula: Mapping[str, Any]) -> str:
    """The source of the formula of a pair without a spec, in words."""
    if formula.get("surrogate"):
        return _formula({key: a for key, a in formula.items() if key != "surrogate"}).replace("formula:", "formula of the gradient:", 1)
    if formula["source"] == "own":
        return f"formula: own code, {formula['operations']} operations"
    if formula["source"] == "reference":
        return f"formula: {formula['reference']}, {formula['operations']} operations"
    of = f" of {formula['reference']}" if "reference" in formula else ""
    return f"formula: none, by differences{of}: {formula['why']}"


PINNED = ("layout", "reduction", "penalty", "delta")
"""Conventions that an option sets."""


def ambiguity(name: str, values: Sequence[object]) -> str:
    """The sentence on conventions that a candidate's answers do not distinguish; the first is used.

    >>> ambiguity("reduction", ["mean", "sum"])
    'reduction mean and sum cannot be told apart on any point that was asked: mean is used. Pin it with --reduction.'
    """
    members = f"{', '.join(map(str, values[:-1]))} and {values[-1]}"
    line = f"{name} {members} cannot be told apart on any point that was asked: {values[0]} is used"
    return f"{line}. Pin it with --{name}." if name in PINNED else f"{line}. The spec's default says which."


def not_asked(document: Document) -> Iterator[tuple[list[str], list[str], str]]:
    """Triples of candidates, laws, and the reason why the laws do not apply to them."""
    laws: dict[tuple[str, str], dict[str, None]] = {}
    for i in document["inapplicable"]:
        laws.setdefault((i["candidate"], i["reason"]), {})[i["law"]] = None
    said = _gathered((name, (*own,), reason) for (name, reason), own in laws.items())
    yield from ((names, [*own], visible(reason)) for (own, reason), names in said.items())


def _gathered(rows: Iterable[tuple[str, *tuple[Any, ...]]]) -> dict[tuple[Any, ...], list[str]]:
    """The candidates of each statement, in the order of the rows of (candidate, statement)."""
    said: dict[tuple[Any, ...], list[str]] = {}
    for name, *what in dict.fromkeys(rows):
        said.setdefault((*what,), []).append(visible(name))
    return said


def refusals(document: Document) -> list[str]:
    """One sentence for each candidate that could not be judged because of wrong use, such as a faulty spec."""
    return [visible(f"{r['candidate']} ({r['loss']}) was not judged: {r['reason']}") for r in document.get("refused", ())]


def limitations(document: Document) -> list[tuple[list[str], str]]:
    """Pairs of candidates and what they refuse or accept without breaking a law, once for all laws and dtypes."""
    rows = ((r["candidate"], line) for r in document["results"] for line in r.get("limitations", ()))
    return [(names, visible(line)) for (line,), names in _gathered(rows).items()]


def lost_digits(document: Document) -> list[tuple[str, str]]:
    """Pairs of a candidate and where its gradient, or a loss judged by its own code, has lost half of its digits or more without breaking a
    law: the worst place for each dtype.
    """
    rows = []
    for r in document["results"]:
        place = r.get("farthest")
        if place is None or not float(r["ulps"]) > HALF_DIGITS_ULPS[r["dtype"]] or not (r["law"] == "gradient" or "loses" in place):
            continue
        what, at = ("gradients lose digits", entry(place)) if "entry" in place else ("losses lose digits", "the loss")
        what += "" if "loses" in place else " of small entries"
        worst = f"{at} is {', exactly '.join(_told_apart(place['measured'], place['expected']))}"
        why = f": {place['loses']}" if "loses" in place else ""
        rows.append((visible(r["candidate"]), visible(f"{r['dtype']} {what}: {worst}{why} (max-ulps can forbid it)")))
    return list(dict.fromkeys(rows))


def _told_apart(a: Any, b: Any) -> tuple[str, str]:
    """Two numbers with enough digits to distinguish them.

    >>> _told_apart(0.0, 1.5e-28), _told_apart(2.66012e-25, 2.66014e-25)
    (('0', '1.5e-28'), ('2.66012e-25', '2.66014e-25'))
    """
    pairs = ((figure(a, f".{digits}g"), figure(b, f".{digits}g")) for digits in DIGITS)
    return next((pair for pair in pairs if pair[0] != pair[1]), (figure(a, ".17g"), figure(b, ".17g")))


DIGITS = (3, 6, 9, 12)


def entry(place: Entry) -> str:
    """An entry of a gradient as text; with several inputs, with the input's name."""
    return f"{place['input']}{place['index'] or ''}" if "input" in place else f"entry {place['entry']}"


def printed(document: Document) -> list[str]:
    """The first lines of each candidate's output, once; the last lines stand where it ended."""
    first: dict[str, str] = {}
    for r in document["results"]:
        if r.get("printed") and not ended(r):
            first.setdefault(r["candidate"], r["printed"])
    blocks = []
    for name, text in first.items():
        lines = text.splitlines()
        more = [f"… {len(lines) - PRINTED} more lines"] if len(lines) > PRINTED else []
        blocks.append("\n".join([f"{visible(name)} printed:", *(f"  | {visible(line)}" for line in (*lines[:PRINTED], *more))]))
    return blocks


def powers(document: Document) -> list[str]:
    """One line for each kill table: whether every wrong implementation is caught."""
    return [visible(f"power on {t['loss']} ({t['dtype']}): {power_summary(t)}") for t in document.get("power", ())]


def power_summary(table: Entry) -> str:
    """One sentence on a kill table: whether everything is caught, and what is not."""
    total, missed = len(table["mutants"]), table["survivors"]
    lines = [f"{total - len(missed)} of {total} wrong implementations caught by {len(table['laws'])} laws"]
    lines += [f"survives: {name}" for name in missed]
    lines += [f"catches nothing: {law}" for law in table["idle"]]
    lines += [f"false alarm on the right implementation: {law}" for law in table["false alarms"]]
    return "; ".join(lines)


def accepted(document: Document, entry: Entry) -> str | None:
    """The declared reason for a result that does not hold, where the gate accepts it."""
    for a in document.get("gate", {}).get("accepted", []):
        if all(a[k] == entry[k] for k in ("candidate", "loss", "dtype", "law")):
            return str(a["reason"])
    return None
