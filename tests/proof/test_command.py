"""The command, the report and the gate."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import misbehaving
import numpy as np
import pytest
from click.testing import CliRunner
from proof import proved_losses

import verify
from verify.campaign.proving import proved
from verify.campaign.task import Request
from verify.cli import cli
from verify.errors import UsageError
from verify.gate.policy import Policy
from verify.gate.rules import _proofs, judged

TARGET = f"{Path(proved_losses.__file__)}:"
SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "schema.json").read_text(encoding="utf-8"))


def asked(*arguments):
    found = CliRunner().invoke(cli, list(arguments), standalone_mode=False)
    return found.return_value, found.stdout


def test_text_and_exit_codes():
    code, told = asked("prove", f"{TARGET}softmax", "--in-process")
    assert code == 0
    assert "proved at (2, 3): 9 label patterns, 9 sign patterns, error ≤ 2^-2" in told
    assert asked("prove", f"{TARGET}softmax", "--in-process", "--quiet") == (0, told.splitlines(keepends=True)[0])
    code, told = asked("prove", f"{TARGET}root_of_square", "--at", "1.0,2.0", "--in-process")
    assert code == 4
    assert "square roots that depend on each other" in told


ENDED = {
    "right": ("proved", None),
    "always_aborts": ("not proved", "it ended its process (SIGABRT: Aborted)"),
    "ends_the_server": ("not proved", "it ended the server of all workers"),
    "always_writes_to_pipes": ("not proved", "it writes to the pipe by which its process answers"),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_candidate_that_harms_its_process_is_not_proved_and_costs_no_more(name):
    found = proved(Request(candidate=f"{misbehaving.__file__}:{name}", loss="softmax_cross_entropy"))
    assert (found.proof.status, found.proof.reason) == ENDED[name]


def softmax_slopes(W, X, y, *, transposed=False, broken=False):
    s = X @ W + (np.undefined if broken else 0.0)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p - np.eye(W.shape[1])[y]
    square = X.shape[0] == X.shape[1]
    return -np.log(p[np.arange(len(y)), y]).mean(), (X @ d if transposed and square else X.T @ d) / (W.shape[0] if transposed else len(y))


def test_sizes_that_differ_tell_examples_from_features():
    """With as many features as examples both mistakes had no effect, and no wrong shape."""
    right = verify.prove(softmax_slopes)
    assert (right.status, right.proof.shape) == ("proved", "(2, 4, 3)")
    assert verify.prove(lambda W, X, y: softmax_slopes(W, X, y, transposed=True)).status == "refuted"
    divided = {"N": 2, "D": 2, "C": 3}
    assert verify.prove(softmax_slopes, shape=divided).proof.shape == "(2, 2, 3)"


def test_what_the_code_raises_is_told_with_its_line():
    def broken(W, X, y):
        return softmax_slopes(W, X, y, broken=True)

    with pytest.raises(UsageError, match=r"it raised AttributeError: .*undefined.* \(test_command\.py:\d+, `s = X @ W \+ "):
        verify.prove(broken)


def test_a_refutation_is_stored_and_replayed():
    code, told = asked("prove", f"{TARGET}forgets_one_label", "--format", "json", "--in-process")
    document = json.loads(told)
    assert (code, document["status"]) == (1, "refuted")
    report = verify.replay(document["witness"], in_process=True)
    assert report.verdict is verify.Verdict.BROKEN
    assert document["witness"]["values"]["y"][1] == 2


def test_reports_have_proofs():
    code, told = asked("check", f"{TARGET}layer_norm", "--at", "1,2,0.5", "--law", "value", "--prove", "--format", "json", "--in-process")
    document = json.loads(told)
    jsonschema.validate(document, SCHEMA)
    (proof,) = document["proofs"]
    assert (code, proof["status"], document["verdict"]) == (0, "proved", "holds")
    assert set(proof["parts"]) == {"identities", "relations", "primes"}
    from verify.report.formats import render

    assert all("proved at (3,): 1 sign pattern" in render(document, f) for f in ("text", "html"))


def test_reports_and_gate_have_the_claim_of_a_spec(tmp_path):
    from verify.report.formats import render

    target = f"{TARGET}softmax"
    how = ("--loss", "softmax_cross_entropy", "--law", "purity", "--prove", "--format", "json", "--in-process")
    document = json.loads(asked("check", target, *how)[1])
    jsonschema.validate(document, SCHEMA)
    (proof,) = document["proofs"]
    claim = "value and gradient of softmax_cross_entropy: reduction mean"
    assert (proof["status"], proof["claim"], proof["loss"]) == ("proved", claim, "softmax_cross_entropy")
    assert (proof["sizes"]["scope"], proof["sizes"]["recorded"][-1], proof["sizes"]["why"]) == ("every size", 128, None)
    assert all("every n at which" in render(document, f) for f in ("text", "html"))
    assert all(claim in render(document, f) for f in ("text", "html"))
    found = judged(document | {"selection": None}, Policy.of({"proof": "required"}, tmp_path), None)["gate"]["failures"]
    assert not [f for f in found if f["rule"] == "proof"]
    code, told = asked("prove", target, "--loss", "softmax_cross_entropy", "--reduction", "mean", "--in-process")
    assert code == 0
    assert f"claim: {claim}" in told


def test_sizes_that_code_asks_for_are_not_every_size():
    """Right at N = 2, and so proved there, by its shape; wrong at others, which the claim does not say."""

    def halved(scores, y):
        loss, d = proved_losses.softmax(scores, y)
        return loss, d * len(y) / 2

    def of_three(scores, y):
        loss, d = proved_losses.softmax(scores, y)
        return loss, d if len(y) != 3 else 2 * d

    for f in (halved, of_three):
        found = verify.prove(f, loss="softmax_cross_entropy")
        assert found.every.why is not None
        assert (found.status, found.proof.shape) == ("proved", "(2, 3)")
        assert verify.prove(f, loss="softmax_cross_entropy", shape="N=3,C=2").status == "refuted"


def test_what_is_refuted_is_broken():
    code, told = asked("check", f"{TARGET}far_away", "--at", "1,2", "--law", "purity", "--prove", "--format", "json", "--in-process")
    document = json.loads(told)
    assert (code, document["verdict"]) == (1, "broken")


def test_the_gate_requires_proofs(tmp_path):
    document = {
        "results": [],
        "selection": None,
        "environment": {"wall": 1.0},
        "proofs": [{"candidate": "a", "status": "proved", "told": "proved"}, {"candidate": "b", "status": "not proved", "told": "why"}],
    }

    def failures(proof):
        found = judged(document, Policy.of({"proof": proof}, tmp_path), None)["gate"]["failures"]
        return [f["sentence"] for f in found if f["rule"] == "proof"]

    assert failures(["a"]) == []
    assert failures(["b", "c"]) == [
        "b is not proved, which is required: why",
        "c is not proved, which is required: no proof was asked for: verify run --prove",
    ]
    sizes = {"scope": "every size", "told": "every n"}, {"scope": "shape", "told": "not every n: why"}, None
    document["proofs"] = [{"candidate": c, "status": "proved", "told": "proved", "sizes": s} for c, s in zip("abc", sizes, strict=True)]
    document["results"] = [{"candidate": c} for c in "abc"]

    def failed(proof):
        return [ruling["sentence"] for _, ruling in _proofs(document, Policy.of({"proof": proof}, tmp_path), None)]

    assert failed("required") == []
    assert failed("every size") == [
        "b is proved at one shape, and every size is required: not every n: why",
        "c is proved at one shape, and every size is required: no dimension of its inputs is one of examples",
    ]
    with pytest.raises(UsageError, match="proof is 3"):
        Policy.of({"proof": 3}, tmp_path)
