"""What workers say of their pace, and what is made of it."""

import pytest

from grok.callbacks import Told
from grok.composing import compose
from grok.engine.compiled import StackStep, stack_step
from grok.job import setup
from grok.record.record import Plan, Record, write_record
from grok.sweeps import pace
from grok.sweeps.live import Progress
from grok.sweeps.pace import WORK, Meter, Pace, telling
from grok.training import train


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be set."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / WORK).mkdir()
    return tmp_path


def test_no_pace_while_it_compiles_nor_before_it_is_steady(sweep, clock):
    meter, worker = Meter(sweep), Pace(sweep, "one")
    assert (meter.known, meter.compiling, meter.rate) == (False, False, None)
    worker.compiling()
    found = []
    for steps in (0, 0, 800, 800, 800, 800):
        clock[0] += 2
        if steps:
            worker.taken(steps)
        meter.look()
        found.append((meter.compiling, meter.rate))
    assert found == [(True, None)] * 2 + [(False, None)] * 3 + [(False, 400)]
    assert meter.total == 3200


def test_a_worker_that_ends_or_comes_changes_nothing_of_what_was_seen(sweep, clock):
    before = Pace(sweep, "before")
    before.taken(5000)
    meter = Meter(sweep)
    assert meter.total == 0
    for steps in (600, 600, 600, 600):
        clock[0] += 2
        before.taken(steps)
        with telling(sweep, "other") as other:
            other.taken(steps)
            meter.look()
    assert meter.total == 4 * 600 + 600  # the other has begun anew each time
    before.forget()
    meter.look()
    assert meter.total == 4 * 600 + 600
    assert list((sweep / WORK).iterdir()) == []


def test_it_says_so_once_a_second(sweep, clock):
    worker, said = Pace(sweep, "one"), set()
    for _ in range(100):
        worker.taken(1)
        clock[0] += 0.1
        said.add((sweep / WORK / "one.pace").read_text())
    assert 9 <= len(said) <= 10


def test_a_disk_without_room_is_no_matter(sweep, clock):
    (sweep / WORK).rmdir()
    (sweep / WORK).touch()
    Pace(sweep, "one").taken(5)
    assert not Meter(sweep).known


def test_the_line_counts_what_is_under_way(sweep, clock):
    """Of 4 jobs one has ended, after 2500 steps of all: so each of the others may take as many."""
    plan = Plan(["lr"], [{"lr": lr} for lr in range(4)])
    progress, worker = Progress(sweep, plan), Pace(sweep, "one")
    worker.compiling()
    progress.update()
    assert progress.line() == "0 of 4 finished, 0:00, compiling"
    for steps in (100, 700, 700):
        clock[0] += 5
        worker.taken(steps)
        progress.update()
    assert progress.line() == "0 of 4 finished, 0:15, 140 member-steps/s"
    record = Record(
        "toy", "grokking", 10, 2000, 5000, 0.9, 1000, 2000, "early_stop", diverged=False
    )
    write_record(sweep / "0", record)
    clock[0] += 5
    worker.taken(1000)
    progress.update()
    assert progress.line() == "1 of 4 finished, 0:20, 160 member-steps/s, about 0:47 left"


@pytest.mark.parametrize("compiled", [True, False])
def test_a_step_that_is_not_compiled_is_not_said_to_be(compiled, make_member, monkeypatch):
    told = []

    class Listener:
        def compiling(self):
            told.append("compiling")

        def taken(self, steps):
            told.append(steps)

    monkeypatch.setattr(StackStep, "_compilable", lambda step, _device: step._advance)
    monkeypatch.setattr("grok.engine.stack.stack_step", stack_step.__wrapped__)
    cfg = compose(f"engine.compile={str(compiled).lower()}", "engine.steps_per_call=50")
    train([make_member(budget=100)], setup(cfg), extra=[Told(Listener())])
    assert told == ["compiling"] * compiled + [50, 50]
