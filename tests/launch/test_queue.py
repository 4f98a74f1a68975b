"""Jobs go to one worker each, and from dead ones to those that live."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import SoftFileLease

from grok.launch import queue
from grok.launch.queue import FAILED, FREE, LEASE, WORK, Watch, Worker, lay_out, tickets
from grok.launch.worker_name import described, new_name, runs_here
from grok.record.names import ERROR, RESULT

HOLDS = """
import sys
from pathlib import Path
from grok.launch import queue
from grok.launch.queue import Worker
queue.SILENCE = float(sys.argv[2])
with Worker(Path(sys.argv[1])) as worker:
    print(worker.take([0, 1, 2, 3]), flush=True)
    for _ in sys.stdin:
        print(worker.take([3]), worker.left(), flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    lay_out(tmp_path, [[0, 1], [2, 3]])
    return tmp_path


def finish(folder, job):
    (folder / str(job)).mkdir(exist_ok=True)
    (folder / str(job) / RESULT).write_text("{}")


def test_each_job_is_taken_once_and_in_order(folder):
    with Worker(folder) as one, Worker(folder) as other:
        assert [one.take([3, 1, 0, 2]), other.take([3, 1, 0, 2])] == [3, 1]
        assert [other.take([0]), one.take([0, 2]), one.take([0, 1, 2, 3])] == [0, 2, None]
        assert queue.held(folder) == {3: one.name, 2: one.name, 1: other.name, 0: other.name}
        assert not one.in_doubt([0, 1, 2, 3])


def test_nothing_is_left_of_a_finished_job(folder):
    with Worker(folder) as worker:
        worker.take([1])
        finish(folder, 1)
        worker.take([0])
        assert worker.left() == [0]
    assert tickets(folder / WORK / FREE) == [0, 2, 3]
    lay_out(folder, [[0, 1], [2, 3]])
    assert tickets(folder / WORK / FREE) == [0, 2, 3]
    assert queue.groups_of(folder) == [[0], [2, 3]], "fewer workers may be enough for the rest"
    finish(folder, 0)
    lay_out(folder, [[0, 1], [2, 3]])
    assert queue.groups_of(folder) == [[2, 3]]


def test_a_failed_job_waits_for_another_launch(folder):
    with Worker(folder) as worker:
        worker.fail(worker.take([2]), "ArithmeticError: none")
        assert worker.take([2]) is None
        assert worker.left() == []
        assert queue.failures(folder) == {2: "ArithmeticError: none"}
        lay_out(folder, [[0, 1], [2, 3]])
        assert worker.take([2]) == 2


def test_laying_out_again_takes_nothing_from_those_at_work(folder):
    with Worker(folder) as worker:
        worker.take([1])
        lay_out(folder, [[0, 1], [2, 3]])
        assert tickets(folder / WORK / FREE) == [0, 2, 3]
        assert worker.left() == [1]


def test_jobs_that_are_no_longer_wanted_go(folder):
    lay_out(folder, [[1]])
    assert tickets(folder / WORK / FREE) == [1]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(queue, "SILENCE", 0.5)


@pytest.fixture
def other(folder):
    """A process that has taken job 0."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder), str(queue.SILENCE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "0\n"
    yield process
    process.kill()
    process.communicate()


def test_a_dead_workers_jobs_are_free_at_once(folder, other):
    with Worker(folder) as worker:
        assert worker.take([0]) is None
        assert not worker.in_doubt([0])
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert worker.take([0]) == 0
    assert queue.workers(folder) == []


def test_a_worker_that_stands_still_loses_its_jobs(folder, impatient, other):
    """After its silence, so that one that hangs keeps nobody waiting; going on, it sees that."""
    os.kill(other.pid, signal.SIGSTOP)
    with Worker(folder) as worker:
        assert worker.take([0]) is None
        deadline = time.monotonic() + 30
        while worker.take([0]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(other.pid, signal.SIGCONT)
        while (said := ask(other)) != "3 [3]\n":
            assert said == "None []\n"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert worker.left() == [0]


def ask(other):
    other.stdin.write("\n")
    other.stdin.flush()
    return other.stdout.readline()


@pytest.fixture
def elsewhere(folder, impatient, monkeypatch):
    """The lease of a worker on another machine, with job 0."""
    name = "elsewhere+7++0"
    (folder / WORK / name).mkdir()
    (folder / WORK / FREE / "0").rename(folder / WORK / name / "0")
    marker = folder / WORK / f"{name}{LEASE}"
    import filelock._marker as marking

    with monkeypatch.context() as patch:
        patch.setattr(marking, "host_name", lambda: "elsewhere")
        lease = SoftFileLease(marker, lease_duration=0.5, heartbeat_interval=0.1)
        lease.acquire()
    yield lease
    lease.release()


def test_another_machines_worker_is_in_doubt_until_it_is_heard(folder, elsewhere):
    with Worker(folder) as worker:
        assert worker.take([0]) is None
        assert worker.in_doubt([0])
        time.sleep(0.3)
        assert not worker.in_doubt([0])
        time.sleep(0.6)
        assert worker.take([0]) is None


@pytest.fixture
def without_exchange(monkeypatch):
    """A disk that can't exchange two names, as NFS can't."""
    import filelock._soft as soft
    import filelock._util as util

    for module in (soft, util):
        monkeypatch.setattr(module, "exchange_names", lambda *_: False)


@pytest.mark.parametrize("disk", [None, "without_exchange"])
def test_another_machines_silent_worker_is_dead(folder, elsewhere, disk, request):
    if disk:
        request.getfixturevalue(disk)
    elsewhere._stop_heartbeat()
    with Worker(folder) as worker:
        assert worker.take([0]) is None
        assert worker.in_doubt([0])
        time.sleep(0.6)
        assert worker.take([0]) == 0


def test_without_exchange_a_process_has_to_end(folder, impatient, other, without_exchange):
    os.kill(other.pid, signal.SIGSTOP)
    watch = Watch(folder)
    (name,) = queue.workers(folder)
    assert not watch.dead(name)
    time.sleep(0.6)
    assert not watch.dead(name)
    assert watch.alive(name)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert not watch.alive(name)
    assert queue.living(folder) == []
    assert tickets(folder / WORK / FREE) == [0, 1, 2, 3]


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells when a process began"
)
def test_a_process_of_the_same_number_is_another():
    """After a restart of the machine, or of a container."""
    mine = new_name()
    assert runs_here(mine)
    place, _, mark = mine.rpartition("+")
    born, _, rest = mark.partition(".")
    assert not runs_here(f"{place}+{int(born) + 1}.{rest}")
    assert runs_here(f"{place}+.{rest}"), "of a system that doesn't tell"


def test_who_was_silent_keeps_the_jobs_that_nobody_has_taken(folder, impatient, monkeypatch):
    with Worker(folder) as worker:
        assert [worker.take([0, 1, 2, 3]), worker.take([0, 1, 2, 3])] == [0, 1]
        before = worker.name
        worker._lease.release()
        monkeypatch.setattr(SoftFileLease, "compromise", property(lambda _: True))
        taken = worker.take([2])
        monkeypatch.undo()
        assert taken == 2
        assert worker.name != before
        assert worker.left() == [0, 1, 2]


def test_a_job_that_another_has_by_now_does_not_fail(folder):
    with Worker(folder) as worker, Worker(folder) as other:
        assert worker.take([0]) == 0
        (folder / WORK / worker.name / "0").rename(folder / WORK / other.name / "0")
        worker.fail(0, "late")
        assert queue.failures(folder) == {}
        assert queue.held(folder) == {0: other.name}


def _takes(folder, taken):
    with Worker(folder) as worker:
        while (job := worker.take(list(range(40)))) is not None:
            finish(folder, job)
            taken.put(job)


def test_four_workers_take_forty_jobs_once_each(tmp_path):
    lay_out(tmp_path, [list(range(40))])
    taken = multiprocessing.get_context("spawn").Manager().Queue()
    processes = [
        multiprocessing.get_context("spawn").Process(target=_takes, args=(tmp_path, taken))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(taken.get() for _ in range(taken.qsize())) == list(range(40))
    queue.clear(tmp_path)
    assert not (tmp_path / WORK).exists()


def test_a_queue_with_somebody_in_it_stays(folder):
    with Worker(folder) as worker:
        worker.take([0])
        queue.clear(folder)
        assert Watch(folder).alive(worker.name)
        assert worker.left() == [0]
    queue.clear(folder)
    assert not (folder / WORK).exists()


def test_what_a_worker_is_called(folder, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    with Worker(folder) as worker:
        assert described(worker.name).endswith(f"process {os.getpid()}, Slurm job 12")
    assert FAILED in os.listdir(folder / WORK)


def test_a_move_that_a_disk_has_done_and_not_told(folder, monkeypatch):
    def rename(self, to):
        os.rename(self, to)
        raise FileNotFoundError

    with Worker(folder) as worker, monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        assert worker.take([0]) == 0


def test_what_is_tried_again_has_failed_no_more(folder):
    with Worker(folder) as worker:
        worker.fail(worker.take([1]), "broken")
    (folder / "1").mkdir()
    (folder / "1" / ERROR).write_text("Traceback")
    lay_out(folder, [[0, 1], [2, 3]])
    assert not (folder / "1" / ERROR).exists()
