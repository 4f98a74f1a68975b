"""What is wanted of a refined sweep, as records appear."""

import pytest

from grok.launch.agenda import Agenda
from grok.launch.queue import Worker, lay_out
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
    agenda = Agenda(folder, Plan(list(JOBS[0]), JOBS))
    assert agenda.wanted([7, 0, 3]) == [0, 3, 7]
    assert not agenda.may_grow([0])


def test_more_is_wanted_where_phases_differ(folder):
    agenda = Agenda(folder, Plan(list(JOBS[0]), JOBS, refine=True))
    everything = range(len(JOBS))
    assert sorted(agenda.wanted(everything)) == COARSE
    with Worker(folder) as worker:
        for job in COARSE:
            assert worker.take([job]) == job
            assert agenda.may_grow(everything)
            finish(folder, job, "memorization" if job < 40 else "confusion")
        worker.left()  # tears the tickets of the finished
        assert not agenda.may_grow(everything)
        wanted = agenda.wanted(everything)
    assert wanted
    assert all(20 < job < 45 for job in wanted), "between the rows 4 and 8, which differ"


def test_failed_jobs_are_waited_for_by_none(folder):
    agenda = Agenda(folder, Plan(list(JOBS[0]), JOBS, refine=True))
    with Worker(folder) as worker:
        for job in COARSE:
            worker.take([job])
            if job == 0:
                worker.fail(job, "ArithmeticError: none")
            else:
                finish(folder, job, "confusion")
        worker.left()
        assert not set(agenda.wanted(range(len(JOBS)))) & set(COARSE)
        assert agenda.wanted(range(len(JOBS))), "what it would have told is trained"
