"""What is wanted of a refined sweep, as records appear."""

import pytest

from grok.launch.agenda import Agenda
from grok.launch.queue import FREE, WORK, Worker, lay_out
from grok.record.names import RESULT
from grok.record.record import Plan, Record, write_record

JOBS = [{"opt.lr_dec": 10.0**-a, "opt.wd_dec": float(b)} for a in range(9) for b in range(5)]
COARSE = [5 * a + b for a in (0, 4, 8) for b in (0, 4)]


def finish(folder, job, phase):
    t_train = {"memorization": 5, "confusion": None}[phase]
    record = Record(
        "toy_regression", phase, t_train, None, budget=10, threshold=0.9, grokking_gap=1000,
        steps=10, stop_reason="budget", diverged=False, overrides=JOBS[job],
    )  # fmt: skip
    write_record(folder / str(job), record)


@pytest.fixture
def folder(tmp_path):
    lay_out(tmp_path, [list(range(len(JOBS)))])
    return tmp_path


def test_all_of_a_sweep_that_is_not_refined(folder):
    agenda = Agenda(folder, Plan(list(JOBS[0]), JOBS), [7, 0, 3])
    with Worker(folder) as worker:
        assert [agenda.take(worker) for _ in range(4)] == [0, 3, 7, None]
        assert not agenda.may_go_on(worker)


@pytest.fixture
def agenda(folder):
    return Agenda(folder, Plan(list(JOBS[0]), JOBS, refine=True), range(len(JOBS)))


def test_more_is_wanted_where_phases_differ(folder, agenda):
    assert sorted(agenda.wanted) == COARSE
    with Worker(folder) as worker:
        assert sorted(agenda.take(worker) for _ in COARSE) == COARSE
        assert agenda.take(worker) is None
        assert agenda.may_go_on(worker)
        for job in COARSE:
            finish(folder, job, "memorization" if job < 40 else "confusion")
        assert 20 < agenda.take(worker) < 45, "between the rows 4 and 8, which differ"
    assert all(20 < job < 45 for job in agenda.wanted)


def test_the_rest_of_one_phase_is_never_wanted(folder, agenda):
    with Worker(folder) as worker:
        for job in [agenda.take(worker) for _ in COARSE]:
            finish(folder, job, "confusion")
            assert agenda.left()
        assert agenda.take(worker) is None
        assert not agenda.may_go_on(worker)
        assert not agenda.left()


def test_failed_jobs_are_waited_for_by_none(folder, agenda):
    with Worker(folder) as worker:
        for job in [agenda.take(worker) for _ in COARSE]:
            if job == 0:
                worker.fail(job, "ArithmeticError: none")
            else:
                finish(folder, job, "confusion")
        assert agenda.take(worker) is not None, "what it would have told is trained"
        assert not set(agenda.wanted) & set(COARSE)


def test_a_damaged_record_tells_nothing(tmp_path):
    jobs = [{"wd": float(i)} for i in range(5)]
    lay_out(tmp_path, [list(range(5))])
    (tmp_path / WORK / FREE / "0").unlink()
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / RESULT).write_text("{")
    assert 4 in Agenda(tmp_path, Plan(["wd"], jobs, refine=True), range(5)).wanted
