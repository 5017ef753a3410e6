"""A report's document, read: the sentences that every rendering shares.

Everything here is a function of the document alone (`Report.to_dict()`, or a `report.json` that was written long ago).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from verify.nested import decimal, leaves, nested, sizes
from verify.rounding import HALF

Document = Mapping[str, Any]
Entry = Mapping[str, Any]
FIGURES = ("verdict", "kind", "cases", "decided", "strain", "sensitivity", "ulps")
"""What other tools are told of a result, as properties of a test."""

VERDICTS = ("holds", "broken", "silent")

SHOWN = 40
"""Real numbers of a case that a sentence shows, and whole ones; the document has all of them."""


PRINTED = 5
"""Lines of a candidate's output that a text shows; the document has more."""

LAST = 3
"""Lines that are shown of the output of a candidate that hung or ended its process: the last ones."""


def visible(text: object, *, lines: bool = False) -> str:
    r"""The text with control characters as escapes, so that it can neither move a cursor nor begin a line of its own.

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
    """The text without a line that a CI system would take for a command: a candidate may be called `::error`.

    >>> print(harmless("  ::error::no"))
      '::error::no
    """
    return re.sub(r"^(\s*)(::|##\[)", r"\1'\2", text, flags=re.MULTILINE)


def printable(text: str) -> str:
    """What somebody else's code or file may have worded, as it can be shown on a terminal and in a log."""
    return harmless(visible(text, lines=True))


def figure(x: float | str | None, form: str = ".2g") -> str:
    """A number of the document as text; nothing for what was not measured.

    >>> figure(0.02512), figure("inf"), figure(None)
    ('0.025', 'inf', '')
    """
    return "" if x is None else f"{float(x):{form}}"


LINEAR = ("W", "X", "y", "reg")
"""The values of linear scores with labels, as a reader looks for them."""
SCORES = ("scores", "y")
"""And of scores."""


def values(case: Entry) -> dict[str, Any]:
    """The numbers of a case by name, as they are nested: floats in hexadecimal, whole numbers plain. Nothing where there is no case.

    Reports of an earlier version have W, X, y and reg alone, or x in a row beside its shape; of scores, W was their transpose.
    """
    if "values" in case:
        known = case["values"]
        first = LINEAR if is_linear(case) else SCORES if known.keys() >= set(SCORES) else ()
        found: dict[str, Any] = {name: known[name] for name in first} | known
    else:
        found = {"x": nested(case["x"], case["shape"])} if "x" in case else {name: case[name] for name in LINEAR if name in case}
    if "signature" in case and "W" in found:
        scores = {"scores": [list(row) for row in zip(*found["W"], strict=True)], "y": found["y"]}
        return scores | {name: value for name, value in found.items() if name not in LINEAR}
    return found


def listed(value: Any) -> str:
    """A value as text, hexadecimal numbers without quotes.

    >>> print(listed([["0x1.8p+0"], ["0x0.0p+0"]]))
    [[0x1.8p+0], [0x0.0p+0]]
    """
    return f"[{', '.join(map(listed, value))}]" if isinstance(value, list) else str(value)


def is_linear(case: Entry) -> bool:
    """Whether it is one of linear scores with labels, which stand beside its values: a function without a spec may call its own alike."""
    return case.keys() >= set(LINEAR)


def shape(case: Entry) -> str:
    """The sizes, the family, λ and the parameters of a case, where they vary."""
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
    """Whether a sentence can show all of its numbers."""
    arrays = [leaves(value) for value in (values(case) | case.get("upstream", {})).values() if isinstance(value, list)]
    whole = sum(isinstance(x, int) for row in arrays for x in row)
    return whole <= SHOWN and sum(map(len, arrays)) - whole <= SHOWN


def sentence(entry: Entry) -> str | None:
    """What a reader must know of a result that does not hold: law, loss, dtype, candidate, measured and allowed."""
    loss = "a pair without a spec" if entry["loss"] == "none" else entry["loss"]
    where = f"{loss} ({entry['dtype']}), {visible(entry['candidate'])}"
    if entry["verdict"] == "broken":
        return f"{entry['law']} law broken for {where}: {measured(entry)}"
    if entry["verdict"] == "silent":
        return f"{entry['law']} law silent for {where}: nothing was decided ({visible(reasons(entry))})"
    return None


def reasons(entry: Entry) -> str:
    """Why nothing was decided, and at how many cases each reason arose.

    >>> reasons({"undecided": {"no window": 3, "a kink": 1}}), reasons({"undecided": {"the run was ended": 1}})
    ('3 × no window, 1 × a kink', 'the run was ended')
    """
    if sum(entry["undecided"].values()) == 1:
        return str(*entry["undecided"])
    return ", ".join(f"{n} × {reason}" for reason, n in entry["undecided"].items()) or "no case was drawn"


def measured(entry: Entry) -> str:
    """The number that broke a law beside what is allowed, or what the candidate did instead of answering."""
    diagnosis = entry.get("diagnosis", {})
    return visible(diagnosis.get("measured", diagnosis.get("message", "")))


def cause(entry: Entry) -> str | None:
    """The probable mistake behind a broken law and the entries that it touches; None where only the measured number is known."""
    diagnosis = entry.get("diagnosis", {})
    if "measured" not in diagnosis:
        return None
    message, entries = diagnosis["message"], _entries(diagnosis["entries"])
    for condition in re.findall(r", only when .*", entries):  # which the message has told
        entries = entries.replace(condition, "") if condition in message or condition.removeprefix(", only") in message else entries
    return visible(message if entries == "all" else f"{message} (in {entries})")


def _entries(entries: Any) -> str:
    return entries if isinstance(entries, str) else ", ".join(str(list(e)) for e in entries)


def details(entry: Entry) -> list[str]:
    """What follows the sentence: cause, witness and how to show it again, as far as they are known."""
    lines = [f"cause: {named}"] if (named := cause(entry)) else []
    return [*lines, *case_lines(entry), *last_printed(entry)]


def case_lines(entry: Entry) -> list[str]:
    """The witness, with its numbers where they are few, and how to show it again."""
    case = entry.get("witness")
    if case is None:
        return []
    lines = [f"witness: {visible(shape(case))}"]
    if is_small(case):
        lines += [f"{visible(name)}={visible(decimal(found))}" for name, found in (_inputs(case) | case.get("upstream", {})).items()]
    return [*lines, f"replay: {visible(case['replay'])}"] if case.get("replay") else lines


def _inputs(case: Entry) -> dict[str, Any]:
    """What a sentence shows: λ stands beside the sizes, and targets in the place of labels."""
    found = values(case)
    if "signature" not in case and not is_linear(case):
        return found
    labels = {"targets": case["targets"]} if "targets" in case else {"y": found["y"]}
    return {name: found[name] for name in ("W", "X", "scores") if name in found} | labels


def last_printed(entry: Entry) -> list[str]:
    """What a candidate printed last that gave no answer at all: it may say why."""
    if not entry.get("printed") or not ended(entry):
        return []
    return ["last printed:", *(f"  | {visible(line)}" for line in entry["printed"].splitlines()[-LAST:])]


def ended(entry: Entry) -> bool:
    """Whether the candidate gave no answer at all: what it printed last may say why."""
    return entry.get("diagnosis", {}).get("code") in ("crashed", "hung")


def conventions(document: Document) -> Iterator[tuple[str, str]]:
    """(candidate, what its own loss says that it computes)."""
    for name, found in document["conventions"].items():
        varied = {
            name: f"{name} {found[name]} (varied: {min(v):g} to {max(v):g})" for name, v in found.get("varied", {}).items() if name in found
        }
        varied |= {"formula": _formula(found["formula"])} if "formula" in found else {}
        varied |= {
            name: f"{name} {found[name]} (found out from {how})" for name, how in found.get("found_out", {}).items() if name in found
        }
        varied |= {"wrt": f"gradients for {', '.join(found['wrt'])}"} if "wrt" in found else {}
        varied |= {"inputs": f"inputs {found['inputs']}"} if "inputs" in found else {}
        shown = ", ".join(varied.get(k, f"{k} {v}") for k, v in found.items() if k not in SAID_BESIDE)
        what = "gradient" if found.get("signature") == "objective" else "loss"
        doubt = "" if found.get("fits") else f": its {what} fits no combination of conventions, so these are assumed"
        yield visible(name), visible(shown + doubt)
        yield from ((visible(name), visible(ambiguity(*doubts))) for doubts in found.get("ambiguous", {}).items())


SAID_BESIDE = ("fits", "ambiguous", "varied", "found_out", "at")
"""What is told of other conventions."""


def _formula(found: Mapping[str, Any]) -> str:
    """Where the formula of a pair without a spec comes from."""
    if found.get("surrogate"):
        return _formula({key: a for key, a in found.items() if key != "surrogate"}).replace("formula:", "formula of the gradient:", 1)
    if found["source"] == "own":
        return f"formula: own code, {found['operations']} operations"
    if found["source"] == "reference":
        return f"formula: {found['reference']}, {found['operations']} operations"
    of = f" of {found['reference']}" if "reference" in found else ""
    return f"formula: none, by differences{of}: {found['why']}"


PINNED = ("layout", "reduction", "penalty", "delta")
"""Conventions that an option pins."""


def ambiguity(name: str, values: Sequence[object]) -> str:
    """The sentence on members of the family that a candidate's answers do not tell apart; the first is used.

    >>> ambiguity("reduction", ["mean", "sum"])
    'reduction mean and sum cannot be told apart on any point that was asked: mean is used. Pin it with --reduction.'
    """
    members = f"{', '.join(map(str, values[:-1]))} and {values[-1]}"
    line = f"{name} {members} cannot be told apart on any point that was asked: {values[0]} is used"
    return f"{line}. Pin it with --{name}." if name in PINNED else f"{line}. The spec's default says which."


def not_asked(document: Document) -> Iterator[tuple[list[str], list[str], str]]:
    """(candidates, laws, the reason why they do not apply to these)."""
    laws: dict[tuple[str, str], dict[str, None]] = {}
    for i in document["inapplicable"]:
        laws.setdefault((i["candidate"], i["reason"]), {})[i["law"]] = None
    said = _gathered((name, (*own,), reason) for (name, reason), own in laws.items())
    yield from ((names, [*own], visible(reason)) for (own, reason), names in said.items())


def _gathered(rows: Iterable[tuple[str, *tuple[Any, ...]]]) -> dict[tuple[Any, ...], list[str]]:
    """The candidates of each thing that is said, in the order of the rows: a candidate's name, and what is said of it."""
    said: dict[tuple[Any, ...], list[str]] = {}
    for name, *what in dict.fromkeys(rows):
        said.setdefault((*what,), []).append(visible(name))
    return said


def refusals(document: Document) -> list[str]:
    """One sentence for each candidate that could not be judged: something about it was used wrongly, its spec say."""
    return [visible(f"{r['candidate']} ({r['loss']}) was not judged: {r['reason']}") for r in document.get("refused", ())]


def limitations(document: Document) -> list[tuple[list[str], str]]:
    """(candidates, what they refuse or accept without breaking a law), once for all laws and dtypes."""
    rows = ((r["candidate"], line) for r in document["results"] for line in r.get("limitations", ()))
    return [(names, visible(line)) for (line,), names in _gathered(rows).items()]


def lost_digits(document: Document) -> list[tuple[str, str]]:
    """(candidate, where its gradient has lost half of its digits or more without breaking a law, and where its loss has that is judged by
    its own code): the worst of each candidate and dtype.
    """
    rows = []
    for r in document["results"]:
        place = r.get("farthest")
        if place is None or not float(r["ulps"]) > HALF[r["dtype"]] or not (r["law"] == "gradient" or "loses" in place):
            continue
        what, at = ("gradients lose digits", entry(place)) if "entry" in place else ("losses lose digits", "the loss")
        what += "" if "loses" in place else " of small entries"
        worst = f"{at} is {', exactly '.join(_told_apart(place['measured'], place['expected']))}"
        why = f": {place['loses']}" if "loses" in place else ""
        rows.append((visible(r["candidate"]), visible(f"{r['dtype']} {what}: {worst}{why} (max-ulps can forbid it)")))
    return list(dict.fromkeys(rows))


def _told_apart(a: Any, b: Any) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart.

    >>> _told_apart(0.0, 1.5e-28), _told_apart(2.66012e-25, 2.66014e-25)
    (('0', '1.5e-28'), ('2.66012e-25', '2.66014e-25'))
    """
    pairs = ((figure(a, f".{digits}g"), figure(b, f".{digits}g")) for digits in DIGITS)
    return next((pair for pair in pairs if pair[0] != pair[1]), (figure(a, ".17g"), figure(b, ".17g")))


DIGITS = (3, 6, 9, 12)


def entry(place: Entry) -> str:
    """An entry of a gradient, of one of several inputs by its name."""
    return f"{place['input']}{place['index'] or ''}" if "input" in place else f"entry {place['entry']}"


def printed(document: Document) -> list[str]:
    """The first lines of what each candidate printed, once; what it printed last is told where it ended."""
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
    """The reason that was declared for a result that does not hold, where the gate accepts it."""
    for a in document.get("gate", {}).get("accepted", []):
        if all(a[k] == entry[k] for k in ("candidate", "loss", "dtype", "law")):
            return str(a["reason"])
    return None
