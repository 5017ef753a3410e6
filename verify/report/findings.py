"""Findings: a mistake is reported once, with all the laws that it breaks.

Two results of one candidate and loss form one finding if they have the same cause: the same diagnosis, apart from measured numbers and from
the condition under which a law happened to see it. Where no mistake has a name, they form one finding if the same answer was wrong in both
cases (`answer`: the gradient, the loss, the Hessian), or the same entries of the same case. Everything else stays separate: two mistakes
are two findings. Dtypes of a candidate join.

As in `reading`, everything here is a function of the document alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from verify.nested import leaves
from verify.report.reading import (
    VERDICTS,
    Document,
    Entry,
    accepted,
    case_lines,
    cause,
    last_printed,
    measured,
    sentence,
    values,
    visible,
)

GRAVITY = ("crashed", "hung", "behaviour", "wrong", "convention", "precision")
"""The order of findings: a candidate without an answer cannot be judged at all; other misbehaviour spoils what other code computes; a wrong
number is worse than a right one of another convention, and that is worse than a right formula with rounding errors.
"""

MAX_NAMED = 3
"""Laws that a finding names before it counts the rest; also candidates that a line names."""

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Results that share a cause, or silent ones that share the reason; `members` are in the document's order."""

    members: tuple[Entry, ...]

    @property
    def shown(self) -> Entry:
        """The result with the smallest witness; among equals that of the first law."""
        return min(self.members, key=_size)

    @property
    def laws(self) -> list[str]:
        """The law of the shown result, then the others, each once."""
        return list(dict.fromkeys(r["law"] for r in (self.shown, *self.members)))

    @property
    def dtypes(self) -> list[str]:
        """The dtypes, in the document's order."""
        return list(dict.fromkeys(r["dtype"] for r in self.members))

    @property
    def named(self) -> Entry:
        """The result whose diagnosis says most about the cause: the shown one, if it says anything."""
        mine = (self.shown, *self.members)
        return next((r for has in (_is_named, _cause) for r in mine if has(r)), self.shown)

    @property
    def cause(self) -> str | None:
        """The mistake in a sentence; None if it has no name."""
        return _cause(self.named)

    @property
    def code(self) -> str:
        """The code of the diagnosis that names the cause."""
        return str(self.named.get("diagnosis", {}).get("code", "unknown"))

    @property
    def kind(self) -> str | None:
        """The kind of the mistake; None for silent results."""
        return self.named["kind"]  # type: ignore[no-any-return]

    @property
    def strain(self) -> float:
        """The greatest strain of its results; NaN counts as infinite."""
        strains = [float(r["strain"]) for r in self.members]
        return max(inf if s != s else s for s in strains)

    @property
    def gravity(self) -> int:
        """The position of its kind in GRAVITY."""
        return GRAVITY.index(self.code if self.code in GRAVITY else self.kind or "wrong")

    def entry(self) -> dict[str, Any]:
        """The finding as an entry of the document."""
        shown = self.shown
        return {
            "cause": self.cause,
            "code": self.code,
            "kind": self.kind,
            "candidate": shown["candidate"],
            "loss": shown["loss"],
            "dtypes": self.dtypes,
            "laws": self.laws,
            "law": shown["law"],
            "dtype": shown["dtype"],
            "measured": measured(shown),
            "witness": shown.get("witness"),
        }


def findings(document: Document) -> list[Finding]:
    """All broken findings, the gravest kind first, then by strain."""
    found = _grouped([r for r in document["results"] if r["verdict"] == "broken"])
    return sorted(found, key=lambda f: (f.gravity, -f.strain))


def silences(document: Document) -> list[Finding]:
    """All silent findings: laws of one candidate that decided nothing for the same reasons are joined."""
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for r in document["results"]:
        if r["verdict"] == "silent":
            groups.setdefault((r["candidate"], r["loss"], *sorted(r["undecided"])), []).append(r)
    return [Finding(members=tuple(members)) for members in groups.values()]


def with_findings(document: Document) -> dict[str, Any]:
    """The document with its `findings`: a list of `{"cause", "code", "kind", "candidate", "dtypes", "laws", "witness", …}`."""
    return {**document, "findings": [f.entry() for f in findings(document)]}


def _cause(entry: Entry) -> str | None:
    """What is known about the mistake; a misbehaviour is its own name."""
    named = cause(entry)
    return measured(entry) if named is None and entry["kind"] == "behaviour" else named


def _is_named(entry: Entry) -> bool:
    """Whether the mistake has a name: when or where it occurs is not one."""
    return _cause(entry) is not None and entry["diagnosis"]["code"] != "unknown"


def _size(entry: Entry) -> tuple[int, int]:
    """The number of values of a witness, and how many of them are not 0; a result without a witness comes last."""
    case = entry.get("witness")
    if case is None:
        return 2**63, 0
    numbers = [float.fromhex(x) for value in values(case).values() for x in leaves(value) if isinstance(x, str)]
    return len(numbers), sum(x != 0 for x in numbers)


def _grouped(broken: Sequence[Entry]) -> list[Finding]:
    """Groups results, those with a name first, so that the others can join them; members in the document's order."""
    groups: list[list[int]] = []
    for i in sorted(range(len(broken)), key=lambda i: (not _is_named(broken[i]), i)):
        mine = broken[i]
        home = next((g for g in groups if any(_same(mine, broken[k]) for k in g) and not _apart(mine, [broken[k] for k in g])), None)
        groups.append([i]) if home is None else home.append(i)
    return [Finding(members=tuple(broken[i] for i in sorted(g))) for g in groups]


def _same(a: Entry, b: Entry) -> bool:
    """Whether two results have the same cause."""
    if any(a[k] != b[k] for k in ("candidate", "loss")):
        return False
    if _is_named(a) and _is_named(b):
        return _mistake(a) == _mistake(b)
    alike, lost = _answer(a) is not None and _answer(a) == _answer(b), [r["diagnosis"]["code"] == "overflow" for r in (a, b)]
    if not _is_named(a) and not _is_named(b):
        return lost[0] == lost[1] and (alike or _same_entries(a, b) or (_cause(a) is not None and _mistake(a) == _mistake(b)))
    named = a if _is_named(a) else b
    return alike and (all(lost) or (named["diagnosis"]["code"] == "precision" and not any(lost)))  # rounding errors vary by chance


def _apart(entry: Entry, group: Sequence[Entry]) -> bool:
    """Whether a mistake occurs under another condition than a group's: C = 2 is not N = 7, even for the same mistake."""
    mine, theirs = _condition(entry), {_condition(r) for r in group} - {None}
    return mine is not None and bool(theirs) and mine not in theirs


def _mistake(entry: Entry) -> tuple[str, str]:
    """The code and the sentence without what differs from law to law: the condition, the measured value, and the figures in it."""
    code, message = entry["diagnosis"]["code"], CONDITION.sub("", MEASURED.sub("", _itself(entry)))
    return code, (ANY_NUMBER if entry["kind"] in ("behaviour", "precision") else DECIMAL).sub("#", message)


def _condition(entry: Entry) -> str | None:
    found = CONDITION.search(_itself(entry)) if _is_named(entry) else None
    return None if found is None else ANY_NUMBER.sub("#", found[0].removeprefix(", only"))


def _itself(entry: Entry) -> str:
    """The sentence on a mistake, without the part about the end of the process while it was being named."""
    message, lost, _ = str(entry["diagnosis"]["message"]).partition(", when it was asked more, to name ")
    return message.rpartition(". The candidate ")[0] or message if lost else message


MEASURED = re.compile(r"^.* is \S+, allowed \S+ ± [^\s:]+")
CONDITION = re.compile(r", (?:only )?when .*?(?= \(on all|$)")
DECIMAL = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+(?:e[-+]?\d+)?|e[-+]?\d+)")
ANY_NUMBER = re.compile(r"(?<![\w.:])[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")

OF_ONE_ANSWER = {"value": "loss", "gradient": "gradient", "membership": "gradient", "curvature": "Hessian"}
"""Laws that compare only one answer."""


def _answer(entry: Entry) -> str | None:
    """The wrong answer where it is known: from the diagnosis, or from a law that compares no other."""
    answer = entry.get("diagnosis", {}).get("answer")
    return str(answer) if answer is not None else OF_ONE_ANSWER.get(entry["law"]) if _is_named(entry) else None


def _same_entries(a: Entry, b: Entry) -> bool:
    """Whether both have the same case to the bit, and the same entries, or a law that compares none."""
    cases = [values(r.get("witness", {})) for r in (a, b)]
    entries = [r["diagnosis"]["entries"] for r in (a, b)]
    return "witness" in a and cases[0] == cases[1] and (entries[0] == entries[1] or "all" in entries)


def paragraph(found: Finding, document: Document) -> str:
    """The finding in lines: the cause, what was measured at each dtype, the smallest case once, and the laws that it breaks."""
    lines = [*headline(found), *sentences(found), *smallest(found)]
    if len(found.laws) > 1:
        lines.append(laws_in_words(found))
    return "\n  ".join([*lines, *declared(found, document)])


def headline(found: Finding) -> list[str]:
    """The cause, if it has a name that is not itself the sentence, as for a misbehaviour."""
    return [] if found.cause in (None, measured(found.shown)) else [f"cause: {found.cause}"]


def sentences(found: Finding) -> list[str]:
    """The sentence of the shown law, then one for each other dtype: of the same law, or of another where that one holds."""
    mine = found.shown
    others = ([r for r in found.members if r["dtype"] == dtype] for dtype in found.dtypes if dtype != mine["dtype"])
    return [str(sentence(r)) for r in (mine, *(next((r for r in there if r["law"] == mine["law"]), there[0]) for there in others))]


def smallest(found: Finding) -> list[str]:
    """The smallest case, and the last output where there is no answer."""
    return [*case_lines(found.shown), *last_printed(found.shown)]


def laws_in_words(found: Finding) -> str:
    """The laws that the finding breaks, or that are silent."""
    return _laws_in_words(found.shown["verdict"], found.laws, found.dtypes)


def _laws_in_words(verdict: str, laws: Sequence[str], dtypes: Sequence[str]) -> str:
    """Laws and dtypes in words.

    >>> _laws_in_words("broken", ["gradient", "order", "descent", "bracket", "convexity"], ["float64"])
    'breaks gradient, order, descent and two more'
    >>> _laws_in_words("silent", ["order", "best-step"], ["float64", "float32"])
    'silent for the same reason: order and best-step, at float64 and float32'
    """
    at = f", at {' and '.join(dtypes)}" if len(dtypes) > 1 else ""
    return f"{'silent for the same reason: ' if verdict == 'silent' else 'breaks '}{first_few(laws)}{at}"


def first_few(names: Sequence[str]) -> str:
    """The first names and the number of the rest; if only one remains, it is named, too.

    >>> first_few(["gradient", "order", "descent", "bracket"]), first_few(["gradient"])
    ('gradient, order, descent and bracket', 'gradient')
    """
    rest = len(names) - MAX_NAMED
    if rest > 1:
        return f"{', '.join(names[:MAX_NAMED])} and {NUMBER_WORDS[rest] if rest < len(NUMBER_WORDS) else rest} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def declared(found: Finding, document: Document) -> list[str]:
    """The declared reasons for the finding, with the laws where a reason does not cover all."""
    reasons: dict[str, list[str]] = {}
    for r in found.members:
        reason = accepted(document, r)
        if reason is not None:
            reasons.setdefault(reason, []).append(r["law"])
    every = len(reasons) == 1 and all(accepted(document, r) is not None for r in found.members)
    where = {reason: "" if every else f" for {first_few(list(dict.fromkeys(laws)))}" for reason, laws in reasons.items()}
    return [f"declared{laws}: {visible(reason)}" for reason, laws in where.items()]


def folded(rulings: Iterable[Entry], document: Document) -> list[dict[str, Any]]:
    """The gate's rulings, with those that concern results of one finding joined into the first, with all their laws."""
    homes = {_key(r): n for n, f in enumerate([*findings(document), *silences(document)]) for r in f.members}
    found = []
    for one, *more in _by(rulings, lambda s: homes.get(_key(s)) if s["told"] else None):
        laws, dtypes = (list(dict.fromkeys(s[k] for s in (one, *more))) if more else [] for k in ("law", "dtype"))
        found.append({**one, "sentence": f"{one['sentence']}; {_laws_in_words(one['rule'], laws, dtypes)}"} if more else dict(one))
    return found


def declarations(document: Document) -> list[str]:
    """Sentences on what the gate accepted: each reason once for a candidate at a dtype, with its laws."""
    groups = _by(document["gate"]["accepted"], lambda a: tuple(a[k] for k in ("candidate", "loss", "dtype", "reason")))
    laws = [list(dict.fromkeys(a["law"] for a in g)) for g in groups]
    return [
        visible(f"{a['candidate']} ({a['loss']}, {a['dtype']}), law{'s' if len(names) > 1 else ''} {first_few(names)}: {a['reason']}")
        for (a, *_), names in zip(groups, laws, strict=True)
    ]


def _by(entries: Iterable[Entry], key: Callable[[Entry], object]) -> list[list[Entry]]:
    """The entries grouped by key; those without a key alone."""
    groups: dict[object, list[Entry]] = {}
    for n, e in enumerate(entries):
        k = key(e)
        groups.setdefault(("alone", n) if k is None else k, []).append(e)
    return list(groups.values())


def counts(document: Document) -> str:
    """The number of checks that hold, that are broken (and in how many findings), and that are silent. A check is one law on one candidate
    at one dtype.
    """
    results, n = document["results"], len(findings(document))
    found = {v: sum(r["verdict"] == v for r in results) for v in VERDICTS}
    within = {"broken": f" in {counted(n, 'finding')}"} if n < found["broken"] else {}
    hold = [f"{found['holds']} of {'1 check holds' if len(results) == 1 else f'{len(results)} checks hold'}"] if results else []
    others = [f"{k} {v}{within.get(v, '')}" for v, k in found.items() if k and v != "holds"]
    refused = [f"{counted(len(document['refused']), 'candidate')} not judged"] if document.get("refused") else []
    return ", ".join([*hold, *others, *(f"audit {a['verdict']}" for a in document.get("audits", ())), *refused]) or "nothing judged"


def summary(document: Document) -> str:
    """One line: the verdict, the counts, the number of cases, the time, the seed; and whether the gate fails."""
    cases, wall = sum(r["cases"] for r in document["results"]), document["environment"]["wall"]
    gate = "" if document.get("gate", {}).get("passed", True) else "; the gate fails"
    return f"{document['verdict']}: {counts(document)} ({counted(cases, 'case')}, {wall:.1f} s, seed {document['seed']}){gate}"


def judgement(document: Document) -> str | None:
    """One line on the gate, if one was applied; rulings on one finding count as one failure."""
    if "gate" not in document:
        return None
    gate = document["gate"]
    failures, warnings = (len(folded(gate[k], document)) for k in ("failures", "warnings"))
    warned = f", {counted(warnings, 'warning')}" if warnings else ""
    return f"gate: {'passed' if gate['passed'] else counted(failures, 'failure')}{warned}"


def counted(n: int, what: str) -> str:
    """A number with its noun.

    >>> counted(1, "finding"), counted(2, "finding")
    ('1 finding', '2 findings')
    """
    return f"{n} {what}{'s' if n != 1 else ''}"


def _key(entry: Entry) -> tuple[object, ...]:
    return tuple(entry.get(k) for k in ("candidate", "loss", "dtype", "law"))
