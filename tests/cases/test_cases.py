"""Every family builds valid cases; the kink family reaches exact kinks, shared ones, and points just beside them."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from sympy import Abs, Max, Piecewise, exp

from verify.cases import Case, families, has_kinks
from verify.cases.digits import MOST_EXAMPLES
from verify.cases.grid import GREATEST_SCORE, REGULARISATIONS, decode, lattice, tamed
from verify.cases.kinks import EXPONENTS, MOST_KINKS
from verify.cases.shapes import BLOCK
from verify.cases.tails import SPREADS
from verify.data import digits
from verify.oracle import Oracle
from verify.spec import Claims, LossSpec, Objective, positive
from verify.spec.catalogue import find_loss, find_penalty

EVERYWHERE = {
    "lattice",
    "generic",
    "wide",
    "one label",
    "repeated rows",
    "scaled features",
    "large",
    "scores far apart",
    "scores far off",
    "examples far apart",
    "digits",
}
LOSSES = {"multiclass_hinge": {*EVERYWHERE, "kink", "near a kink"}, "softmax_cross_entropy": EVERYWHERE}
DTYPES = ("float64", "float32")


def oracle(loss, dtype="float64", **parameters):
    spec = find_loss(loss) if isinstance(loss, str) else loss
    return Oracle(Objective(loss=spec, penalty=find_penalty("l2"), parameters=parameters), dtype)


def drawn(family, loss="multiclass_hinge", dtype="float64", *, rounds=1, **parameters):
    """Sixty cases of a family a round, always the same ones: shares are counted on them."""
    found = []
    for number in range(rounds):

        @seed(number)
        @settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
        @given(families(oracle(loss, dtype, **parameters))[family][0])
        def collect(case):
            found.append(case)

        collect()
    return found


def margins(case, delta=1):
    """(example, class) → s_j − s_y + Δ, exact, for every class but the label."""
    W, X = ([[Fraction(float(v)) for v in row] for row in A] for A in (case["W"], case["X"]))
    S = [[sum(a * b for a, b in zip(w, x, strict=True)) for w in W] for x in X]
    return {
        (i, j): s[j] - s[y] + Fraction(delta)
        for i, (s, y) in enumerate(zip(S, case["y"].tolist(), strict=True))
        for j in range(len(W))
        if j != y
    }


def nearest(case):
    return min(abs(m) for m in margins(case).values())


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_has_the_families_that_fit_it(loss):
    found = families(oracle(loss))
    assert set(found) == LOSSES[loss]
    assert sum(share for _, share in found.values()) == pytest.approx(1)
    assert next(iter(found)) == "lattice"
    assert has_kinks(oracle(loss)) == ("kink" in found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "family"), [(loss, family) for loss, names in LOSSES.items() for family in sorted(names)])
def test_a_family_builds_valid_cases(loss, family, dtype):
    cases = drawn(family, loss, dtype)
    assert len({case["W"].tobytes() + case["X"].tobytes() for case in cases}) > 20
    for case in cases:
        (C, D), N = case["W"].shape, len(case["X"])
        assert case["W"].dtype == case["X"].dtype == case.dtype == dtype
        assert case["X"].shape == (N, D)
        assert N >= 1
        assert C >= 2
        assert case["y"].shape == (N,)
        assert case["y"].dtype == np.int64
        assert np.all((case["y"] >= 0) & (case["y"] < C))
        assert np.all(case["X"][:, -1] == 1)
        assert np.all(np.isfinite(case["W"])) and np.all(np.isfinite(case["X"]))  # noqa: PT018
        assert case["reg"] in REGULARISATIONS
        assert case.family in {family, "kink missed", "kink, rounded"} if "kink" in family else case.family == family


# On the grid scores are bounded; off it every factor may be a quarter larger, and a solved bias may be as large as a score.
@pytest.mark.parametrize(("family", "times"), [("lattice", 1), ("generic", 1.25**2), ("kink", 2**MOST_KINKS)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_are_bounded(family, times, dtype):
    sizes = [float(np.max(np.abs(case["X"]).astype("f8") @ np.abs(case["W"]).astype("f8").T)) for case in drawn(family, dtype=dtype)]
    assert max(sizes) <= times * GREATEST_SCORE * (1 + 1e-6)
    assert max(sizes) > GREATEST_SCORE / 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_lattice_needs_few_bits(dtype):
    for case in drawn("lattice", dtype=dtype):
        mantissas, _ = np.frexp(np.concatenate([case["W"].ravel(), case["X"].ravel()]))
        assert np.all(mantissas * 2**7 == np.round(mantissas * 2**7))


@pytest.mark.parametrize("dtype", DTYPES)
def test_generic_cases_use_full_mantissas(dtype):
    mantissas = [np.frexp(case["W"])[0] * 2.0**12 for case in drawn("generic", dtype=dtype) if case["W"].any()]
    assert sum(np.any(m != np.round(m)) for m in mantissas) > len(mantissas) / 2


EDGES = {
    "wide": lambda case: len(case["W"]) > 8 and case["W"].shape[1] > 5,
    "one label": lambda case: len(set(case["y"])) == 1,
    "repeated rows": lambda case: len({(x.tobytes(), y) for x, y in zip(case["X"], case["y"], strict=True)}) <= len(case["X"]) // 2,
    "scaled features": lambda case: case["W"].shape[1] > 1,
    "large": lambda case: len(case["X"]) > BLOCK,
}


@pytest.mark.parametrize("family", EDGES)
def test_an_edge_is_reached_by_every_case_of_its_family(family):
    assert all(EDGES[family](case) for case in drawn(family))


def test_features_of_one_case_differ_by_orders_of_magnitude():
    spans = [np.abs(case["X"][:, :-1][case["X"][:, :-1] != 0]) for case in drawn("scaled features")]
    assert max(s.max() / s.min() for s in spans if s.size) > 1e5


@pytest.mark.parametrize("dtype", DTYPES)
def test_tails_reach_beyond_the_range_of_exp_off_and_stay_above_underflow_apart(dtype):
    limit, least = np.log(np.finfo(dtype).max), -np.log(np.finfo(dtype).smallest_normal)
    apart, off = (
        [case["X"].astype("f8") @ case["W"].astype("f8").T for case in drawn(f"scores far {how}", dtype=dtype)] for how in ("apart", "off")
    )
    spreads = [np.max(np.ptp(S, axis=1)) for S in apart]
    assert sum(spread > max(SPREADS[dtype]) / 4 for spread in spreads) > 20
    assert max(spreads) < least
    assert sum(np.max(np.ptp(S, axis=1)) < limit < np.max(S) for S in off) > 5
    assert sum(np.max(np.ptp(S, axis=1)) < limit < -np.min(S) for S in off) > 5


@pytest.mark.parametrize("number", range(5))
def test_an_exact_kink_comes_within_fifty_examples_and_shrinks_to_few_numbers(number):
    seen, kinked = [], []

    @seed(number)
    @settings(max_examples=50, database=None, deadline=None, phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False)
    @given(lattice("float64"))
    def never(case):
        seen.append(case)
        if 0 in margins(case).values():
            kinked.append(len(seen))
            raise AssertionError(case)

    with pytest.raises(AssertionError) as found:
        never()
    case = found.value.args[0]
    assert kinked[0] <= 50
    assert np.count_nonzero(case["W"]) + np.count_nonzero(case["X"][:, :-1]) <= 3


def test_ties_are_common_on_the_lattice():
    scores = [case["X"] @ case["W"].T for case in drawn("lattice")]
    assert sum(any(len(set(s)) < len(s) for s in S.tolist()) for S in scores) >= 20


@pytest.mark.parametrize("amplitude", [1, 4, 127])
def test_bytes_decode_to_the_grid_and_zero_to_zero(amplitude):
    decoded = decode(np.arange(-128, 128).astype(np.int8), amplitude, 0.25) / 0.25
    assert set(decoded.tolist()) == set(range(-amplitude, amplitude + 1))
    assert decoded[128] == 0


@pytest.mark.parametrize("size", [1.0, 31.0, 32.0, 33.0, 5000.0])
def test_taming_divides_by_a_power_of_two_and_only_if_needed(size):
    W, X = np.array([[size, 0.0], [0.0, 1.0]]), np.array([[-1.0, 1.0]])
    factor = size / tamed(W, X)[0, 0]
    assert np.log2(factor) == round(np.log2(factor))
    assert GREATEST_SCORE / 2 < size / factor <= GREATEST_SCORE or factor == 1
    assert (factor == 1) == (size <= GREATEST_SCORE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delta", [1.0, 0.5])
def test_the_kink_family_reaches_exact_kinks(dtype, delta):
    cases = drawn("kink", dtype=dtype, rounds=3, delta=delta)
    on = [case for case in cases if case.family == "kink"]
    assert all(0 in margins(case, delta).values() for case in on)
    assert len(on) >= len(cases) / 4
    assert sum(case.family == "kink missed" for case in cases) <= len(cases) / 4
    assert any(list(margins(case, delta).values()).count(0) > 1 for case in on)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cases_near_a_kink_are_near_and_mostly_not_on_it(dtype):
    near = [nearest(case) for case in drawn("near a kink", dtype=dtype, rounds=3) if case.family == "near a kink"]
    widest, finest = (2.0**-k for k in EXPONENTS[dtype])
    assert len(near) >= 15
    assert max(near) <= 2 * widest  # two rows of one margin may have moved
    assert sum(distance > 0 for distance in near) >= len(near) / 2
    assert min(distance for distance in near if distance > 0) <= 1000 * finest


def test_two_examples_share_a_kink():
    shared = [
        case
        for case in drawn("kink", rounds=3)
        if len(case["X"]) > 1
        and case["y"][0] == case["y"][1]
        and np.array_equal(case["X"][0], case["X"][1])
        and any(i == 0 and m == 0 for (i, _), m in margins(case).items())
    ]
    assert len(shared) >= 5
    assert all(margins(case)[0, j] == margins(case)[1, j] for case in shared for j in range(len(case["W"])) if j != case["y"][0])


def test_a_loss_may_have_kinks_for_some_labels_only():
    loss = LossSpec(
        name="half_kinked",
        per_example=lambda s, y: Max(0, s[0] - s[1]) if y == 0 else s[y] ** 2,
        claims=Claims(convex=True),
        source="a test",
    )
    assert {case.family for case in drawn("kink", loss)} > {"kink"}


def test_the_digits_are_the_real_ones():
    """Counts and sums of the set as it is published, taken from scikit-learn's copy."""
    images, labels = digits()
    assert images.shape == (1797, 64)
    assert labels.shape == (1797,)
    assert images.dtype == labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:20].tolist() == [*range(10), *range(10)]
    assert images[0].reshape(8, 8)[1].tolist() == [0, 0, 13, 15, 10, 15, 5, 0]
    assert images[0].sum() == 294
    assert int(images.astype(int).sum()) == 561718


def test_the_digits_equal_scikit_learns_where_it_is_installed():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, (images, labels) = datasets.load_digits(), digits()
    assert np.array_equal(theirs.data, images)
    assert np.array_equal(theirs.target, labels)


@pytest.mark.parametrize("dtype", DTYPES)
def test_minibatches_are_rows_of_the_digits_with_their_labels(dtype):
    images, labels = digits()
    known = {(image.tobytes(), label) for image, label in zip(images, labels.tolist(), strict=True)}
    cases = drawn("digits", dtype=dtype)
    for case in cases:
        pixels = case["X"][:, :-1] * 16
        assert np.array_equal(pixels, np.round(pixels))
        assert all((row.astype(np.uint8).tobytes(), y) in known for row, y in zip(pixels, case["y"].tolist(), strict=True))
        assert len(case["X"]) <= MOST_EXAMPLES
        assert case["W"].shape[1] == 65
    assert any(not case["W"].any() for case in cases)
    assert {2, 3} <= {len(case["W"]) for case in cases}


AWKWARD = [-0.0, 0.1, 5e-324, 1.7976931348623157e308, 1 / 3, -(2.0**-1022)]


@pytest.mark.parametrize("family", ["kink", "generic", "digits", "given"])
def test_a_case_comes_back_from_its_dictionary_bit_by_bit(family):
    given_case = Case(
        values={"W": np.array([AWKWARD[:3], AWKWARD[3:]]), "X": np.array([AWKWARD[:3]]), "y": np.array([1]), "reg": 0.1},
        family="given",
        seed=7,
    )
    for case, dtype in product([given_case] if family == "given" else drawn(family)[:20], DTYPES[:1]):
        text = json.loads(json.dumps(case.to_dict()))
        values = text["values"]
        back = {name: np.array([[float.fromhex(v) for v in row] for row in values[name]], dtype) for name in ("W", "X")}
        assert back["W"].tobytes() == case["W"].tobytes()
        assert back["X"].tobytes() == case["X"].tobytes()
        assert values["y"] == case["y"].tolist()
        assert float.fromhex(values["reg"]) == case["reg"]
        assert (text["family"], text["seed"]) == (case.family, case.seed)
        assert Case.from_dict(text, dtype).key == case.key


def test_a_case_in_single_precision_comes_back_too():
    case = Case(values={"W": np.array([[0.1]], "f4"), "X": np.array([[1]], "f4"), "y": np.array([0]), "reg": 0.0}, family="given")
    assert np.array([[float.fromhex(v) for v in row] for row in case.to_dict()["values"]["W"]], "f4").tobytes() == case["W"].tobytes()


def apart(s, t, delta):
    """|s − t| beyond a margin, by a condition."""
    return Piecewise((0, Abs(s - t) <= delta), (Abs(s - t) - delta, True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delta", [1.0, 0.9, 0.3])
def test_the_kink_family_meets_margins_that_the_lattice_does_not_hold(delta, dtype):
    """Exactly, as the dtype holds the margin, where a score holds it, else by the nearest bias; the oracle takes either for a tie."""
    loss = LossSpec(
        name="apart",
        per_example=apart,
        parameters={"delta": positive(default=delta)},
        targets=(-1, 0, 1),
        claims=Claims(convex=True),
        source="a test",
    )
    cases = [case for case in drawn("kink", loss, dtype) if case.family.startswith("kink")]
    on = [case for case in cases if case.family != "kink missed"]
    tied = [not oracle(loss, dtype).at(**case.values).gradient.is_single for case in on]
    margin = Fraction(float(np.dtype(dtype).type(delta)))
    exactly = [margin in {abs(m - t) for m, t in scores_and_targets(case, (-1, 0, 1))} for case in on]
    assert len(on) > len(cases) / 2
    assert sum(tied) > len(on) / 2
    assert sum(exactly) > len(on) / 5
    assert all(e for e, t, case in zip(exactly, tied, on, strict=True) if t and case.family == "kink" and not at_zero(case, (-1, 0, 1)))


def scores_and_targets(case, targets):
    """(score, target) of every example of a loss of one score, exact."""
    w, X = [Fraction(float(v)) for v in case["W"][0]], [[Fraction(float(v)) for v in row] for row in case["X"]]
    return [(sum(a * b for a, b in zip(w, x, strict=True)), Fraction(targets[y])) for x, y in zip(X, case["y"], strict=True)]


def at_zero(case, targets):
    """Whether a score meets its target: a tie of |s − t|, where nothing else turns."""
    return any(s == t for s, t in scores_and_targets(case, targets))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tie_of_a_curved_switch_is_solved_by_newtons_method(dtype):
    """max(eˢ − 3, 0) at s = log 3: no float, and the nearest bias is taken."""
    loss = LossSpec(
        name="exponential", per_example=lambda s, t: Max(exp(s) - 3, 0), targets=(0,), claims=Claims(convex=True), source="a test"
    )
    met = [case for case in drawn("kink", loss, dtype) if case.family == "kink, rounded"]
    assert len(met) > 20
    for case in met:
        assert min(abs(float(s) - np.log(3)) for s, _ in scores_and_targets(case, (0,))) < 64 * np.finfo(dtype).eps
