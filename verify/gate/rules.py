"""The rules of the gate: each reads a document and yields its rulings, as a sentence and a way to accept it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any

from verify.gate.baseline import MEASURED, Baseline, Key, key_of
from verify.gate.policy import EVERY_LAW, PROOF, Policy
from verify.report.power import finest
from verify.report.reading import cause, measured, reasons, refusals

Document = Mapping[str, Any]
Ruling = dict[str, Any]

UPDATE = "if it is meant: verify run --fresh, then verify gate reports/latest/report.json --update-baseline, and let the diff be reviewed"

WORSE_FACTORS = {"strain": 4.0, "sensitivity": 64.0, "ulps": 2.0**20}
"""How many times worse than the baseline a figure may be. The same seed on the same machine gives the same figures; another
processor or library moves last bits, the search then follows other strains, and its maxima move. How far was measured by what moves
them more, other seeds (benchmarks/margins.py: right code, both losses and dtypes, six seeds, each pair as baseline and report): a strain
became at most 1.8 times higher, a sensitivity 19 times coarser. The margins are twice that, at the next power of two. Ulps are counted at
entries that cancel almost to zero or underflow, too, and became up to 1e303 times more: no margin is right, so they only warn."""

NOISE_FLOORS = {"strain": 0.02, "sensitivity": 0.0, "ulps": 2.0**12}
"""Figures below these count as these: the maximum then depends on the roundings that the cases happened to meet, not on the quality of the
code.
"""

FIGURE_NAMES = {
    "strain": "worst strain",
    "sensitivity": "sensitivity (the smallest relative error that it would have seen)",
    "ulps": "worst error in ulps",
}


def judged(document: Document, policy: Policy, baseline: Baseline | None, *, accept_reused: bool = False) -> dict[str, Any]:
    """The document with its `gate`: failures, warnings, accepted deviations, and changes since the baseline.

    Results that the document's run took from a ledger fail, unless they are accepted.
    """
    failures: list[Ruling] = []
    warnings: list[Ruling] = []
    for rule in RULES if accept_reused else (*RULES, _reused):
        for severe, ruling in rule(document, policy, baseline):
            (failures if severe else warnings).append(ruling)
    narrow_first = sorted(policy.deviations, key=lambda d: d.law == EVERY_LAW)
    covering = ((r, next((d for d in narrow_first if d.covers(r)), None)) for r in document["results"] if r["verdict"] != "holds")
    accepted = [
        dict(zip(("candidate", "loss", "dtype", "law"), key_of(r), strict=True)) | {"reason": d.reason}
        for r, d in covering
        if d is not None
    ]
    gate = {
        "passed": not failures,
        "failures": failures,
        "warnings": warnings,
        "accepted": accepted,
        "compared": baseline is not None,
        "changes": _changes(document, baseline),
    }
    return {**document, "gate": gate}


def exit_code(document: Document) -> int:
    """0 if passed; 4 if all failures are silent results; else 1."""
    gate = document["gate"]
    if gate["passed"]:
        return 0
    return 4 if all(f["rule"] == "silent" for f in gate["failures"]) else 1


def _ruling(rule: str, sentence: str, accept: str, entry: Mapping[str, Any] | None = None, *, told: bool = False) -> Ruling:
    place = {} if entry is None else {k: entry[k] for k in ("candidate", "loss", "dtype", "law")}
    return {"rule": rule, "sentence": sentence, "accept": accept, "told": told, **place}


def _name(e: Mapping[str, Any]) -> str:
    return f"{e['candidate']} ({e['loss']}, {e['dtype']})"


Rulings = Iterator[tuple[bool, Ruling]]
Rule = Callable[[Document, Policy, "Baseline | None"], Rulings]


def _verdicts(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    """Broken results fail, silent ones fail unless the policy says otherwise, declared deviations pass."""
    file = policy.deviations_file or "a file that [tool.verify.gate] names as deviations"
    declare = f"mend it, or declare it with a reason in {file}"
    for r in document["results"]:
        if r["verdict"] == "holds" or any(d.covers(r) for d in policy.deviations):
            continue
        if r["verdict"] == "broken":
            why = "; cause: ".join(part for part in (measured(r), cause(r)) if part)
            yield True, _ruling("broken", f"{_name(r)} breaks the law {r['law']}: {why}", declare, r, told=True)
        else:
            sentence = f"the law {r['law']} is silent for {_name(r)}: nothing was decided ({reasons(r)}), and silent is not green"
            yield policy.silent == "fail", _ruling("silent", sentence, f'{declare}, or set silent = "warn"', r, told=True)


def _limits(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    for r in document["results"]:
        strain, ulps = float(r["strain"]), r["ulps"]
        if r["verdict"] == "holds" and not strain <= policy.max_strain:
            sentence = f"the law {r['law']} strains {_name(r)} to {strain:.3g}; max-strain is {policy.max_strain:g}"
            yield True, _ruling("max-strain", sentence, "raise max-strain in [tool.verify.gate]", r)
        limit = policy.max_ulps.get(r["dtype"])
        if limit is not None and ulps is not None and not float(ulps) <= limit:
            sentence = f"{_name(r)} errs by {float(ulps):.3g} ulps under the law {r['law']}; max-ulps is {limit:g}"
            yield True, _ruling("max-ulps", sentence, "raise max-ulps in [tool.verify.gate]", r)
        finest = policy.min_sensitivity.get(r["dtype"])
        if finest is not None and r["verdict"] == "holds" and finest < float(r["sensitivity"]) < inf:
            seen = float(r["sensitivity"])
            sentence = f"the law {r['law']} would have seen no error below {seen:.2g} in {_name(r)}; min-sensitivity is {finest:g}"
            yield True, _ruling("min-sensitivity", sentence, "raise min-sensitivity in [tool.verify.gate], or judge by a longer profile", r)


def _time(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    """Checks the measured time, which is in the document's header, since it is never the same twice."""
    if policy.time_budget is not None and document["environment"]["wall"] > policy.time_budget:
        sentence = f"the run took longer than its time-budget of {policy.time_budget:g} s"
        yield True, _ruling("time-budget", sentence, "raise time-budget in [tool.verify.gate], or judge by a shorter profile")


def _proofs(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    """Where proofs are required, each named candidate must have one; without names, each judged candidate."""
    if policy.proof is None:
        return
    found = {p["candidate"]: p for p in document.get("proofs", ())}
    for name in policy.proof or dict.fromkeys(r["candidate"] for r in document["results"]):
        why = found[name]["told"] if name in found else "no proof was asked for: verify run --prove"
        if name not in found or found[name]["status"] != "proved":
            yield True, _ruling("proof", f"{name} is not proved, which is required: {why}", "take it out of proof in [tool.verify.gate]")
        elif policy.every_size and (found[name].get("sizes") or {}).get("scope") != PROOF[1]:
            sizes = found[name].get("sizes") or {"told": "no dimension of its inputs is one of examples"}
            why = f"{name} is proved at one shape, and every size is required: {sizes['told']}"
            yield True, _ruling("proof", why, 'give proof = "required" in [tool.verify.gate]')


def _stale(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    """A declared deviation must still occur, otherwise it would hide a new one; a deviation of EVERY_LAW, as long as one occurs."""
    partial = document["selection"] is not None
    for d in policy.deviations:
        covered = [r for r in document["results"] if d.covers(r)]
        if any(r["verdict"] != "holds" for r in covered) or (partial and (not covered or d.law == EVERY_LAW)):
            continue
        why = ("every law holds now" if d.law == EVERY_LAW else "it holds now") if covered else "no such result was judged"
        accept = f"remove its [[deviation]] from {policy.deviations_file}"
        yield True, _ruling("stale-deviation", f"{d} is declared as a deviation, but {why}", accept)


def _against_baseline(document: Document, policy: Policy, baseline: Baseline | None) -> Rulings:
    if policy.baseline is None:
        return
    if baseline is None:
        yield True, _ruling("baseline-missing", f"the baseline {policy.baseline} does not exist", UPDATE)
        return
    if not baseline.intact:
        why = f"the baseline {policy.baseline} was edited by hand: its digest does not fit what it says"
        yield True, _ruling("baseline-edited", why, UPDATE)
    if (baseline.profile, baseline.seed) != (document["profile"], document["seed"]):
        why = (
            f"the baseline {policy.baseline} is of profile {baseline.profile}, seed {baseline.seed}, and this report of profile "
            f"{document['profile']}, seed {document['seed']}: their figures cannot be compared"
        )
        yield (
            True,
            _ruling("baseline-profile", why, f"run again with the baseline's profile and seed, without the gate (--no-gate), or {UPDATE}"),
        )
        return
    now = {key_of(r): r for r in document["results"]}
    yield from _worse(now, baseline)
    yield from _missing(document, now, baseline)


def _worse(now: Mapping[Key, Mapping[str, Any]], baseline: Baseline) -> Rulings:
    for key, r in now.items():
        before = baseline.entries.get(key)
        if before is None or r["verdict"] != "holds":
            continue  # results that do not hold have their own sentence
        for m in MEASURED:
            if not _at_most(r[m], before[m], m):
                sentence = f"the {FIGURE_NAMES[m]} of the law {r['law']} on {_name(r)} went from {_figure(before[m])} to {_figure(r[m])}"
                accept = f"set max-ulps in [tool.verify.gate] where it must not be; {UPDATE}" if m == "ulps" else UPDATE
                yield m != "ulps", _ruling(f"worse-{m}", f"{sentence}, more than {WORSE_FACTORS[m]:g} times", accept, r)


def _at_most(now: float | str | None, before: float | str | None, what: str) -> bool:
    if now is None or before is None:
        return True
    return float(now) <= WORSE_FACTORS[what] * max(float(before), NOISE_FLOORS[what])


def _missing(document: Document, now: Mapping[Key, Mapping[str, Any]], baseline: Baseline) -> Rulings:
    """Results of the baseline that the report lacks fail; new ones are reported and pass."""
    asked = document["selection"]
    gone = Counter((key[0], key[3]) for key in baseline.entries if key not in now and (asked is None or key[3] in asked))
    for (candidate, law), n in gone.items():
        sentence = f"the law {law} is in the baseline for {candidate} ({n} result{'s' if n > 1 else ''}), and was not judged"
        yield True, _ruling("not-judged", sentence, UPDATE)
    new = Counter(key[3] for key in now if key not in baseline.entries)
    if new:
        listed = ", ".join(f"{law} ({n})" for law, n in new.items())
        yield False, _ruling("not-in-baseline", f"results that are not in the baseline: {listed}", UPDATE)


def _power(document: Document, policy: Policy, _: Baseline | None) -> Rulings:
    """Checks the kill tables, if `verify run --power` has stored them. With a selection of laws survivors pass, since the others may catch
    them.
    """
    partial = document["selection"] is not None
    for t in document.get("power", ()):
        of, wrong = f"{t['loss']} with penalty {t['penalty']} ({t['dtype']})", f"{len(t['mutants'])} wrong implementations"
        if t["survivors"] and not partial:
            sentence = f"{len(t['survivors'])} of {wrong} of {of} are caught by no law: {', '.join(t['survivors'])}"
            yield True, _ruling("power-survivor", sentence, "add the case or the law that catches it; no survivor is accepted")
        if t["idle"]:
            sentence = f"of {wrong} of {of} not one is caught by the law {', '.join(t['idle'])}"
            yield True, _ruling("power-idle", sentence, "mend the law, or take it out; no idle law is accepted")
        if t["false alarms"]:
            sentence = f"the right implementation of {of} is called broken by the law {', '.join(t['false alarms'])}"
            yield True, _ruling("power-false-alarm", sentence, "mend the law; no false alarm is accepted")
        if not partial:
            yield from _blind(t, of, policy.min_sensitivity.get(t["dtype"], inf))


def _blind(table: Mapping[str, Any], of: str, limit: float) -> Rulings:
    for what, entry in (("gradient", "one entry of the gradient"), ("loss", "the loss")):
        seen = finest(table, what)
        if seen > limit:
            sentence = f"no law sees a relative error of {entry} of {of} below {seen:.2g}; min-sensitivity is {limit:g}"
            yield True, _ruling("power-sensitivity", sentence, "raise min-sensitivity in [tool.verify.gate], or judge by a longer profile")


def _figure(x: float | str | None) -> str:
    return "none" if x is None else f"{float(x):.3g}"


def _changes(document: Document, baseline: Baseline | None) -> list[dict[str, Any]]:
    """Every verdict and figure that differs from the baseline; figures are rounded as there."""
    if baseline is None:
        return []
    here = Baseline.of(document)
    changes: list[dict[str, Any]] = []
    for key in sorted({*here.entries, *baseline.entries}):
        place = dict(zip(("candidate", "loss", "dtype", "law"), key, strict=True))
        now, before = here.entries.get(key), baseline.entries.get(key)
        if now is None and document["selection"] is not None:
            continue
        if now is None or before is None:
            changes.append(place | {"what": "result", "before": before and before["verdict"], "now": now and now["verdict"]})
            continue
        changes += [place | {"what": w, "before": before[w], "now": now[w]} for w in ("verdict", *MEASURED) if before[w] != now[w]]
    return changes


def _refused(document: Document, policy: Policy, _: Baseline | None) -> Rulings:  # noqa: ARG001
    """Candidates that could not be judged fail."""
    for sentence in refusals(document):
        yield True, _ruling("refused", sentence, "correct what it says, or take the candidate out of [tool.verify]", told=True)


def _reused(document: Document, policy: Policy, _: Baseline | None) -> Rulings:  # noqa: ARG001
    """Results from a ledger fail, since anybody may have written it: whoever gates a stored report has not watched the run."""
    sentence = reused(document)
    if sentence is not None:
        yield True, _ruling("reused", sentence, RUN_FRESH)


RUN_FRESH = "verify run --fresh judges all of it; --accept-reused takes the ledger's word"


def reused(document: Document) -> str | None:
    """A sentence on the results that the document's run took from a ledger; None if there are none."""
    results = document["results"]
    of = Counter(_name(results[i]) for i in document["environment"].get("reused", ()) if i < len(results))
    listed = ", ".join(f"{name}: {n}" for name, n in of.items())
    return f"{of.total()} of {len(results)} results were not judged by this run but taken from its ledger ({listed})" if of else None


RULES: tuple[Rule, ...] = (_verdicts, _refused, _limits, _against_baseline, _proofs, _stale, _power, _time)
