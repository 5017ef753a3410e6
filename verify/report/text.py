"""The report as text: a table of verdicts, then a sentence for whatever is not well."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from verify.campaign.task import Outcome
from verify.campaign.witness import identity
from verify.evidence import Verdict
from verify.report.model import Report

STYLES = {Verdict.HOLDS: "green", Verdict.BROKEN: "bold red", Verdict.SILENT: "yellow"}


def render(report: Report) -> RenderableType:
    """The whole report for a rich console; plain where the console is not a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, right in (("candidate", 0), ("dtype", 0), ("law", 0), ("verdict", 0), ("worst strain", 1), ("decided", 1), ("time", 1)):
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    previous = None
    for o in report.outcomes:
        r, name = o.result, o.task.request.name
        cells = [escape(name) if name != previous else "", r.dtype, r.law, f"[{STYLES[r.verdict]}]{r.verdict.value}[/]"]
        table.add_row(*cells, f"{r.strain:.2g}", f"{r.decided}/{r.cases}", f"{r.seconds:.1f} s")
        previous = name
    return Group(
        table,
        Text(),
        *_conventions(report),
        *(Text(s) for o in report.outcomes for s in sentences(o)),
        *_limitations(report),
        *_not_asked(report),
        Text(summary(report)),
    )


def sentences(o: Outcome) -> list[str]:
    """What a reader must know of an outcome that does not hold: law, loss, measured, allowed, place, witness."""
    r, where = o.result, f"{o.task.request.loss} ({o.result.dtype})"
    if r.verdict is Verdict.HOLDS:
        return []
    if r.verdict is Verdict.SILENT:
        reasons = ", ".join(f"{n} × {reason}" for reason, n in r.undecided.items()) or "no case was drawn"
        return [f"{r.law} law silent for {where}, {o.task.request.name}: nothing was decided ({reasons})\n"]
    found = [f"{r.law} law broken for {where}, {o.task.request.name}: {(r.diagnosis or {}).get('message', '')}"]
    if r.witness is not None:
        c = r.witness.case
        found.append(f"  witness: N={len(c.X)} D={c.W.shape[1]} C={len(c.W)}, family {c.family}, reg={c.reg!r}")
        if c.W.size + c.X.size <= 40:
            found.append(f"  W={c.W.tolist()}\n  X={c.X.tolist()}\n  y={c.y.tolist()}")
        if isinstance(o.task.request.candidate, str):
            found.append(f"  replay: verify replay {identity(o)}")
    return ["\n".join(found) + "\n"]


def summary(report: Report) -> str:
    """One line: how many hold, are broken, are silent."""
    counts = {v: sum(r.verdict is v for r in report.results) for v in Verdict}
    told = ", ".join(f"{n} {v.value}" for v, n in counts.items() if n)
    cases = sum(r.cases for r in report.results)
    return f"{report.verdict.value}: {told or 'nothing judged'} ({cases} cases, {report.seconds:.1f} s, seed {report.seed})"


def _conventions(report: Report) -> list[Text]:
    lines = []
    for name, found in report.conventions.items():
        told = ", ".join(f"{k} {v}" for k, v in found.items() if k != "fits")
        doubt = "" if found.get("fits") else ": its loss fits no member of the family, so these are assumed"
        lines.append(Text(f"{name}: {told}{doubt}"))
    return [*lines, Text()]


def _limitations(report: Report) -> list[Text]:
    """What each candidate refuses or accepts without breaking a law, once for all laws and dtypes."""
    found: dict[tuple[str, str], None] = {}
    for o in report.outcomes:
        found |= dict.fromkeys((o.task.request.name, told) for told in o.result.limitations)
    return [Text(f"{name}: limitation: {told}") for name, told in found] + ([Text()] if found else [])


def _not_asked(report: Report) -> list[Text]:
    """One line for each reason why laws do not apply, with the laws."""
    laws: dict[tuple[str, str], dict[str, None]] = {}
    for i in report.inapplicable:
        laws.setdefault((i.task.request.name, i.reason), {})[i.task.law] = None
    lines = [Text(f"{name}: not asked: {', '.join(names)} ({reason})") for (name, reason), names in laws.items()]
    return [*lines, Text()] if lines else []


def plain(report: Report) -> str:
    """The whole report without colours."""
    buffer = StringIO()
    Console(file=buffer, width=160, highlight=False, soft_wrap=True).print(render(report))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def console(*, stderr: bool = False) -> Console:
    """A console that honours NO_COLOR and does not wrap where there is no terminal."""
    plain = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return plain if plain.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=160)
