"""A candidate may do what it wants: it costs its own verdict only, with a code and the case that it was asked about."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest
import verify.reports
from implementations import softmax

from verify import Verdict
from verify.api import judge_all
from verify.campaign import attempts, candidate_run, channel, executor, memory
from verify.campaign.output import captured
from verify.campaign.task import Request
from verify.documents import as_json
from verify.form import form_of
from verify.report.model import Report

FILE = Path(__file__).parents[1] / "misbehaving.py"
LAWS = ("value", "purity")


def judged(*names: str, timeout: float | None = None, laws: tuple[str, ...] = LAWS):
    """{candidate: {law: outcome}} of one run over all of them."""
    requests = [Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=laws) for name in names]
    report = judge_all(requests, timeout=timeout)
    return {n: {o.task.law: o for o in report.outcomes if o.task.request.candidate == f"{FILE}:{n}"} for n in names}


ENDS = {
    "raises": "raised ValueError: one example is too few",
    "interrupts": "raised KeyboardInterrupt",
    "exits": "raised SystemExit: 3",
    "exits_at_once": "ended its process (exit code 7)",
    "exits_as_if_done": "ended its process (exit code 0)",
    "exits_from_c": "ended its process (exit code 0)",
    "aborts": "ended its process (SIGABRT: Aborted)",
    "kills_its_group": "ended its process (SIGKILL: Killed)",
    "interrupts_the_judge": "raised TimeoutError: too slow, when it was not asked",
    "reads_at_0": "ended its process (SIGSEGV: Segmentation fault)",
}


@pytest.fixture(scope="module")
def ended():
    return judged(*ENDS, "right")


@pytest.mark.parametrize("name", ENDS)
def test_a_candidate_that_ends_its_process_is_broken_at_the_case_where_it_did(ended, name):
    for outcome in ended[name].values():
        result = outcome.result
        assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", "crashed")
        assert result.diagnosis["message"] == f"the candidate {ENDS[name]}"
        assert len(result.witness.case["X"]) == 1
        assert "process" not in ENDS[name] or not result.witness.case["W"].any()
        assert outcome.conventions["penalty"] == "l2"


def test_the_others_are_judged_all_the_same(ended):
    assert {law: o.result.verdict for law, o in ended["right"].items()} == dict.fromkeys(LAWS, Verdict.HOLDS)


def test_a_candidate_that_ends_the_server_of_all_workers_is_broken_and_nobody_else():
    found = judged("ends_the_server", "right", "stops_the_server", laws=("value",))
    result = found["ends_the_server"]["value"].result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", "crashed")
    assert result.diagnosis["message"] == "the candidate ended its process (exit code 255, or that of all workers)"
    assert result.witness is not None
    assert [found[name]["value"].result.verdict for name in ("right", "stops_the_server")] == [Verdict.HOLDS] * 2


@pytest.mark.parametrize("name", ["limits_the_server", "starves_the_server"])
def test_a_candidate_that_takes_what_the_server_has_costs_nobody_the_run(name, capfd, monkeypatch):
    monkeypatch.setattr(executor, "processors", lambda _: 1)  # one after the other
    found = judged(name, "right", laws=("value",))
    assert found[name]["value"].result.verdict is not Verdict.SILENT
    assert found["right"]["value"].result.verdict is Verdict.HOLDS
    assert "Traceback" not in capfd.readouterr().err


def test_a_process_that_does_not_begin_with_its_next_task_is_replaced(monkeypatch):
    """What was left there holds it, where it is not asked."""
    monkeypatch.setattr(candidate_run, "STALL_TIMEOUT", 1.0)
    monkeypatch.setattr(attempts, "STALL_TIMEOUT", 1.0)
    monkeypatch.setattr(executor, "processors", lambda _: 1)  # one process for all laws
    found = judged("sleeps_in_a_hook", laws=("value", "gradient", "purity"))["sleeps_in_a_hook"]
    assert [o.result.verdict for o in found.values()] == [Verdict.HOLDS] * 3


def test_where_no_process_can_be_started_nobody_is_accused_and_it_is_said(monkeypatch):
    def none(*_, **__):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("verify.campaign.channel.pipe", none)
    result = judged("right", laws=("value",))["right"]["value"].result
    assert result.verdict is Verdict.SILENT
    assert next(iter(result.undecided)).startswith("no process could be started ([Errno 24] Too many open files)")


def test_what_cannot_be_started_beside_others_is_asked_alone(monkeypatch):
    """One of them may take what the system has to give."""
    pipe, fails = channel.pipe, iter(range(attempts.MOST_POOLS))

    def at_last():
        if next(fails, None) is not None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return pipe()

    monkeypatch.setattr("verify.campaign.channel.pipe", at_last)
    assert judged("right", laws=("value",))["right"]["value"].result.verdict is Verdict.HOLDS


def test_an_exception_that_would_run_where_it_is_read_is_the_candidate_s():
    result = judged("raises_what_runs_elsewhere", laws=("value",))["raises_what_runs_elsewhere"]["value"].result
    assert result.diagnosis["message"] == "the candidate raised RunsElsewhere: hello"


@pytest.mark.parametrize("name", ["loops", "sleeps_in_c"])
def test_a_candidate_that_hangs_is_broken_at_the_case_where_it_did(name):
    (outcome,) = judged(name, timeout=3, laws=("value",))[name].values()
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("behaviour", "hung")
    assert outcome.result.diagnosis["message"] == "the candidate gave no answer within 3 s"
    assert len(outcome.result.witness.case["X"]) == 1


NAMING = ", when it was asked more, to name what had broken the law gradient"


def test_a_candidate_that_hangs_while_its_mistake_is_named_is_broken_at_the_case_where_it_did():
    (outcome,) = judged("wrong_and_sleeps", timeout=3, laws=("gradient",))["wrong_and_sleeps"].values()
    result = outcome.result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", "hung")
    assert result.diagnosis["message"] == "the candidate gave no answer within 3 s" + NAMING
    case = result.witness.case
    assert (len(case["X"]), *case["W"].shape) == (8, 3, 4)


def test_a_mistake_is_named_without_the_cases_that_end_the_process():
    (outcome,) = judged("wrong_and_aborts", laws=("gradient",))["wrong_and_aborts"].values()
    result = outcome.result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "wrong", "scaled")
    told = "the whole gradient is twice what it must be. The candidate ended its process (SIGABRT: Aborted)"
    assert result.diagnosis["message"] == told + NAMING
    assert (len(result.witness.case["X"]), result.witness.case["W"].shape) == (1, (2, 1))


def test_what_ends_the_process_on_every_case_that_is_asked_to_name_it_has_no_name():
    (outcome,) = judged("wrong_and_aborts_on_more", laws=("gradient",))["wrong_and_aborts_on_more"].values()
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("behaviour", "crashed")
    assert outcome.result.diagnosis["message"].endswith(NAMING)


def test_an_exception_on_a_case_that_is_asked_to_name_a_mistake_does_not_hide_the_name():
    (outcome,) = judged("wrong_and_raises", laws=("gradient",))["wrong_and_raises"].values()
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("wrong", "scaled")


def test_a_candidate_that_has_hung_is_given_less_time(monkeypatch):
    monkeypatch.setattr(candidate_run, "TIMEOUT_AFTER_A_HANG", 1.5)
    monkeypatch.setattr(executor, "processors", lambda _: 1)  # one law after the other
    outcomes = judged("sleeps_in_c", timeout=3, laws=("value", "gradient"))["sleeps_in_c"]
    assert [o.result.diagnosis["message"][-5:] for o in outcomes.values()] == ["n 3 s", "1.5 s"]


def test_whoever_waits_for_an_answer_is_told_so_once(monkeypatch):
    monkeypatch.setattr(candidate_run, "SLOW_CASE", 0.5)
    said: list[str] = []
    judge_all(
        [Request(candidate=f"{FILE}:always_sleeps", loss="softmax_cross_entropy", profile="quick", laws=LAWS)], timeout=3, say=said.append
    )
    (one,) = said  # of whichever law a worker asks first
    assert one in [f"{FILE}:always_sleeps float64 {law}: at the same case for 0.5 s; it is given 3 s (--timeout)" for law in LAWS]


@pytest.fixture(scope="module")
def on_one():
    return on_workers(1)


def on_workers(cores: int):
    names = ("right", "exits", "one_row_too_few", "counts")
    requests = [Request(candidate=f"{FILE}:{name}", loss="softmax_cross_entropy", profile="quick", laws=LAWS) for name in names]
    outcomes = executor.execute([t for r in requests for t in r.tasks()], timeout=None, cores=cores)
    report = Report.of(outcomes, profile="quick", seed=0, seconds=0.0)
    return as_json({**report.to_dict(), "environment": None})


@pytest.mark.parametrize("cores", [2, 4])
def test_the_report_does_not_depend_on_the_number_of_workers(on_one, cores):
    assert on_workers(cores) == on_one


def test_a_candidate_that_hangs_on_the_first_question_is_asked_it_once():
    outcomes = judged("always_sleeps", timeout=3, laws=("value", "gradient", "order", "purity", "batches"))["always_sleeps"]
    assert [o.result.diagnosis["code"] for o in outcomes.values()] == ["hung"] * 5
    assert {o.result.witness.case.family for o in outcomes.values()} == {"probe"}


def test_a_candidate_that_always_ends_its_process_has_the_smallest_case_for_a_witness():
    for outcome in judged("always_aborts")["always_aborts"].values():
        case = outcome.result.witness.case
        assert (outcome.result.diagnosis["code"], case.family) == ("crashed", "probe")
        assert (case["W"].tolist(), case["X"].tolist(), case["y"].tolist(), case["reg"]) == ([[0.0], [0.0]], [[1.0]], [0], 0.0)


SMALLEST = {
    "aborts_for_three_classes": {"N": 1, "D": 1, "C": 3},
    "exits_for_many": {"N": 4, "C": 2},  # it takes two arguments, or more: scores are tried
}


@pytest.mark.parametrize("name", SMALLEST)
def test_the_case_of_a_lost_process_is_made_smaller_where_it_is_lost_there_too(name):
    for outcome in judged(name)[name].values():
        case = outcome.result.witness.case
        assert outcome.result.diagnosis["message"].startswith("the candidate ended its process (")
        assert form_of(case.values).dimensions(case.values) == SMALLEST[name]


def test_no_time_for_smaller_cases_leaves_the_case_as_it_was(monkeypatch):
    monkeypatch.setattr(candidate_run, "MOST_SECONDS", 0.0)
    (outcome,) = judged("exits_for_many", laws=("value",))["exits_for_many"].values()
    assert outcome.result.diagnosis["code"] == "crashed"
    assert outcome.result.witness.case.x.any()


def test_a_copy_of_the_worker_that_a_candidate_forks_does_not_judge():
    (outcome,) = judged("forks", laws=("value",))["forks"].values()
    assert outcome.result.verdict is Verdict.HOLDS


def test_a_process_in_which_nobody_can_judge_accuses_nobody_and_does_not_end_the_run():
    """Where the judge itself fails after the candidate was asked: that may be a bug of ours."""
    found = judged("breaks_what_the_judge_needs", "right", laws=("value",))
    result = found["breaks_what_the_judge_needs"]["value"].result
    assert result.verdict is Verdict.SILENT
    assert next(iter(result.undecided)).startswith("judging failed (TypeError in ")
    assert found["right"]["value"].result.verdict is Verdict.HOLDS


SPOILS = {
    "goes_where_nothing_is": {"purity": "the candidate changes the current folder"},
    "closes_streams": {},
    "leaves_no_files": dict.fromkeys(LAWS, "the candidate leaves its process unable to open files (Too many open files)"),
    "leaves_no_room": dict.fromkeys(LAWS, "the candidate leaves its process unable to write files"),
    "removes_temporary_files": {},
    "puts_others_in_the_place_of_notes": {},
}


def test_no_run_is_lost_to_what_a_candidate_does_to_its_process(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = judged(*SPOILS, "right")
    told = {name: {law: o.result.diagnosis["message"] for law, o in laws.items() if o.result.diagnosis} for name, laws in found.items()}
    assert told == SPOILS | {"right": {}}
    silent = {
        (name, law): dict(o.result.undecided)
        for name, laws in found.items()
        for law, o in laws.items()
        if o.result.verdict is Verdict.SILENT
    }
    assert silent == {}


def test_a_crash_is_one_where_the_folder_of_what_is_printed_is_gone():
    (outcome,) = judged("raises_where_nothing_can_be_noted", laws=("value",)).popitem()[1].values()
    assert outcome.result.diagnosis["code"] == "crashed"


def test_nobody_is_accused_where_a_library_pickles_what_is_answered_otherwise():
    found = judged("pickles_arrays_otherwise", "right", laws=("value",))
    result = found["pickles_arrays_otherwise"]["value"].result
    assert result.verdict is Verdict.SILENT
    assert next(iter(result.undecided)).startswith("judging failed (ForeignClass in ")
    assert found["right"]["value"].result.verdict is Verdict.HOLDS


def test_who_writes_to_the_pipe_of_answers_costs_its_own_verdict_only():
    found = judged("always_writes_to_pipes", "right", laws=("value",))
    (outcome,) = found["always_writes_to_pipes"].values()
    assert outcome.result.verdict is not Verdict.HOLDS
    assert (outcome.result.diagnosis or {"code": "crashed"})["code"] == "crashed"
    assert found["right"]["value"].result.verdict is Verdict.HOLDS


def test_a_process_in_which_nobody_can_open_files_is_the_candidate_s_work():
    (outcome,) = judged("forbids_files", laws=("value",))["forbids_files"].values()
    result = outcome.result
    assert (result.verdict, result.kind, result.diagnosis["code"]) == (Verdict.BROKEN, "behaviour", "crashed")
    assert result.diagnosis["message"] == "the candidate leaves its process unable to open files (Too many open files)"
    assert result.witness is not None


def test_a_file_that_replaces_what_the_judge_needs_when_it_is_imported_is_broken(tmp_path):
    (tmp_path / "mine.py").write_text(FILE.read_text(encoding="utf-8") + "\nos.pwrite = os.close = None\n", encoding="utf-8")
    request = Request(candidate=f"{tmp_path / 'mine.py'}:right", loss="softmax_cross_entropy", laws=("value",))
    (outcome,) = judge_all([request]).outcomes
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("behaviour", "crashed")
    assert outcome.result.diagnosis["message"].startswith("the candidate replaces os.")


def test_a_file_that_replaces_a_part_of_the_suite_when_it_is_imported_is_broken(tmp_path):
    source = f"{FILE.read_text(encoding='utf-8')}\nreplaces_the_judge(np.eye(2), np.eye(2), np.array([0, 1]), 0.0)\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    request = Request(candidate=f"{tmp_path / 'mine.py'}:right", loss="softmax_cross_entropy", laws=("value", "gradient"))
    for outcome in judge_all([request]).outcomes:
        assert (outcome.result.verdict, outcome.result.diagnosis["code"]) == (Verdict.BROKEN, "crashed")
        assert outcome.result.diagnosis["message"] == (
            "the candidate replaces verify.trial.trial.judge for the whole process when it is imported"
        )


def test_what_an_import_sets_up_is_put_back_and_told(tmp_path):
    """`np.bool = bool` makes old code run; errors that are raised would be raised in the judge's own code."""
    lines = "np.bool = bool", "np.seterr(all='raise')"
    (tmp_path / "mine.py").write_text("\n".join([FILE.read_text(encoding="utf-8"), *lines]), encoding="utf-8")
    report = verify.check(f"{tmp_path / 'mine.py'}:right", loss="softmax_cross_entropy", profile="quick", laws=LAWS)
    assert report.verdict is Verdict.HOLDS
    for told in ("it changes np.seterr", "it replaces numpy.bool for the whole process"):
        assert f"limitation: when it is imported, {told}" in str(report)


LEFT = {
    "changes_decimals": "changes the decimal context",
    "changes_collection": "changes when garbage is collected",
    "ignores_warnings": "changes the filters of warnings",
    "changes_variables": "changes environment variables",
    "handles_alarms": "changes handlers of signals",
    "lengthens_the_path": "changes sys.path",
    "adds_variables": "changes environment variables",
    "forbids_to_others": "changes the umask of files",
    "limits_recursion": "changes the recursion limit",
    "prints_less": "changes numpy's print options",
}


@pytest.fixture(scope="module")
def left():
    return judged(*LEFT, "changes_folder", laws=("purity",))


@pytest.mark.parametrize("name", LEFT)
def test_what_disturbs_no_number_of_others_is_told_and_no_break(left, name):
    result = left[name]["purity"].result
    assert (result.verdict, result.limitations) == (Verdict.HOLDS, (LEFT[name],))


def test_a_candidate_that_leaves_its_process_elsewhere_is_broken(left):
    assert left["changes_folder"]["purity"].result.diagnosis["message"] == "the candidate changes the current folder"


def test_slow_is_not_broken():
    (outcome,) = judged("slower", timeout=3, laws=("order",))["slower"].values()
    assert outcome.result.verdict is Verdict.SILENT
    assert list(outcome.result.undecided) == ["the law takes longer than 3 s; --timeout and --profile set how much"]


def test_a_file_that_ends_the_process_when_it_is_imported_is_broken(tmp_path):
    (tmp_path / "mine.py").write_text("import os\nos.abort()\n", encoding="utf-8")
    request = Request(candidate=f"{tmp_path / 'mine.py'}:f", loss="softmax_cross_entropy", laws=("value",))
    (outcome,) = judge_all([request]).outcomes
    assert outcome.result.diagnosis["message"] == "the candidate ended its process (SIGABRT: Aborted) while it was imported"
    assert outcome.result.witness is None


ALL_WAYS = ["from Python: λ", "to standard error", "from below", "from C"]


def test_what_a_candidate_prints_is_shown_and_is_no_fault():
    report = verify.check(f"{FILE}:prints", loss="softmax_cross_entropy", profile="quick", laws=LAWS)
    assert report.verdict is Verdict.HOLDS
    assert [o.printed.splitlines()[:4] for o in report.outcomes] == [ALL_WAYS] * 2
    assert all(len(o.printed.encode()) <= 2000 for o in report.outcomes)
    shown = str(report)
    assert f"{FILE}:prints printed:\n  | from Python: λ\n  | to standard error\n  | from below\n  | from C\n" in shown
    jsonschema.validate(report.to_dict(), json.loads(Path(verify.reports.__file__).with_name("schema.json").read_text(encoding="utf-8")))


def test_what_a_function_prints_is_shown_too(capsys):
    def prints(*arguments):
        print("before the answer")
        return softmax()(*arguments)

    report = verify.check(prints, loss="softmax_cross_entropy", profile="quick", laws=("value",))
    assert (report.verdict, capsys.readouterr().out) == (Verdict.HOLDS, "")
    assert "  | before the answer\n" in str(report)


def test_the_last_words_of_a_candidate_that_ends_its_process_are_kept():
    report = verify.check(f"{FILE}:aborts_loudly", loss="softmax_cross_entropy", profile="quick", laws=("value",))
    assert report.outcomes[0].printed.splitlines() == ["the matrix is singular", "C says goodbye"]
    assert "\n  last printed:\n    | the matrix is singular\n    | C says goodbye\n" in str(report)


def test_in_process_nothing_is_between_the_candidate_and_a_debugger(capsys):
    before = len(sys.modules["misbehaving"].KEPT) if "misbehaving" in sys.modules else 0
    report = verify.check(f"{FILE}:prints", loss="softmax_cross_entropy", profile="quick", laws=("value",), in_process=True)
    assert (report.verdict, before) == (Verdict.HOLDS, 0)
    assert "from Python: λ" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is limited where the system counts what is written to")
@pytest.mark.parametrize("name", ["asks_for_too_much", "leaks", "takes_all"])
def test_a_candidate_that_takes_all_memory_is_broken_and_gone(name, monkeypatch):
    """The limit is lowered, so that reaching it takes little time."""
    monkeypatch.setattr(memory, "MAX_ALLOWANCE", 1 << 28)
    monkeypatch.setattr(memory, "MIN_ALLOWANCE", 1 << 28)
    (outcome,) = judged(name, laws=("value",))[name].values()
    assert (outcome.result.kind, outcome.result.diagnosis["code"]) == ("behaviour", "crashed")
    assert len(outcome.result.witness.case["X"]) == 1
    assert "memory" in outcome.result.diagnosis["message"].lower() or "allocate" in outcome.result.diagnosis["message"].lower()


def test_what_is_printed_into_a_folder_that_is_gone_goes_nowhere(tmp_path, capfd):
    with captured(tmp_path / "gone" / "output"):
        os.write(1, b"lost")
    os.write(1, b"shown")
    assert capfd.readouterr().out == "shown"
