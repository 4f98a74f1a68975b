"""A member that fails ends alone, wherever that happens and whoever launched it."""

import itertools

import pytest
import torch
from omegaconf import OmegaConf

from grok import training
from grok.callbacks import MemberCallback
from grok.callbacks.member import member_callbacks
from grok.composing import compose
from grok.job import make_member, setup
from grok.launch import stacked
from grok.launch.places import Place
from grok.measures import Function
from grok.record.names import ERROR, RESULT
from grok.record.record import finished, read_record
from grok.sweeps.composer import StackJob
from grok.sweeps.pace import Pace
from tests.faulty import MESSAGES, leave_foreign_checkpoint, without

FAULTY = [
    "task._target_=tests.faulty.FaultyAddition",
    "task.objective=classification",
    "+callbacks.faulty._target_=tests.faulty.Faulty",
    "opt.lr_dec=3e-3",
    "phase.budget=200",
    "task.width=32",
    "engine.compile=false",
    "engine.steps_per_call=40",
    "trainer.precision=64-true",
]
SOUND = [11, 12, 13, 14, 15, 16, 17, 18]


def members(folder, seeds):
    found = []
    for seed in seeds:
        cfg = compose(*FAULTY, f"seed.data={seed}")
        found.append(make_member(cfg, folder / str(seed), "faulty", {"seed.data": seed}))
        found[-1].folder.mkdir(parents=True)
    return found


def train(members, size, failed=None):
    training.train(members, setup(compose(*FAULTY)), size=size, failed=failed)


def outcome(folder):
    return without(read_record(folder), "wall_seconds")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    train(members(folder, SOUND), size=3)
    return {seed: outcome(folder / str(seed)) for seed in SOUND}


@pytest.mark.long
@pytest.mark.parametrize("position", [0, 5])
@pytest.mark.parametrize("seed", MESSAGES)
def test_one_of_nine(seed, position, undisturbed, tmp_path):
    nine = members(tmp_path, [*SOUND[:position], seed, *SOUND[position:]])
    faulty = nine[position]
    leave_foreign_checkpoint(tmp_path / "6", faulty.config)
    failures = []
    train(nine, size=3, failed=lambda member, error: failures.append((member, error)))
    ((member, error),) = failures
    assert member is faulty
    assert MESSAGES[seed] in str(error)
    assert not finished(faulty.folder)
    for other in SOUND:
        assert outcome(tmp_path / str(other)).final == pytest.approx(undisturbed[other].final)
        assert without(outcome(tmp_path / str(other)), "final", "best", "weight_norm") == without(
            undisturbed[other], "final", "best", "weight_norm"
        )


@pytest.mark.parametrize(("size", "faulty"), [(1, (0, 2)), (2, (1, 3)), (2, (0, 1))])
def test_what_cannot_be_measured_at_first(size, faulty, tmp_path):
    """Of members in a new stack, or in the place of another: they end alone."""
    four, times, failures = members(tmp_path, SOUND[:4]), itertools.count(), []

    def measured(member):
        if next(times) in faulty:
            raise ArithmeticError("no number")
        return torch.zeros(())

    common = setup(compose(*FAULTY))
    common.measures["own"] = Function(measured, every=1000)
    training.train(four, common, size, failed=lambda member, error: failures.append(member))
    assert failures == [four[i] for i in faulty]
    assert [finished(member.folder) for member in four] == [i not in faulty for i in range(4)]


def test_nothing_of_a_failed_member_is_kept(tmp_path):
    """Its curves so far, in the memory of callbacks that saw it."""
    kept = []

    class Watch(MemberCallback):
        def on_train_end(self, trainer, pl_module):
            kept.extend(len(callback.memory) for callback in member_callbacks(trainer))

    both = members(tmp_path, [11, 4])
    training.train(both, setup(compose(*FAULTY)), 2, extra=[Watch()], failed=print)
    assert set(kept) == {0}


def job(folder, number, seed):
    cfg = compose(*FAULTY, f"seed.data={seed}")
    path = folder / str(number)
    path.mkdir(parents=True)
    return StackJob(cfg, {"seed.data": seed}, number, path, {"task": "faulty"})


@pytest.mark.parametrize("gpu", [None, 0])
def test_what_ends_a_whole_stack_ends_those_in_it(gpu, tmp_path, monkeypatch):
    """And a GPU takes no more, for it may be lost: others are to train the rest."""
    jobs = iter([job(tmp_path, number, 11 + number) for number in range(4)])
    train, calls = training.train, []

    def out_of_memory(members, shared, size, **options):
        calls.append(1)
        if len(calls) == 1:
            list(itertools.islice(members, 2))
        if len(calls) < 3:
            raise MemoryError("none left")
        train(members, shared, size, **(options | {"gpu": None}))

    monkeypatch.setattr(training, "train", out_of_memory)
    failures = {}
    pace = Pace(tmp_path, "worker")
    monkeypatch.setattr(stacked, "answers", lambda _gpu: False)
    sound = stacked.train(jobs, compose(*FAULTY), Place(2, gpu), failures.__setitem__, pace)
    assert sound is (gpu is None)
    lost = [0, 1, 2] if gpu is None else [0, 1]
    assert failures == dict.fromkeys(lost, "MemoryError: none left")
    assert [finished(tmp_path / str(number)) for number in range(4)] == [
        gpu is None and number not in lost for number in range(4)
    ]
    assert len(list(jobs)) == (0 if gpu is None else 2)


def test_all_of_a_stack(tmp_path):
    failures = []
    train(
        members(tmp_path, [2, 3, 4, 5]),
        size=2,
        failed=lambda member, error: failures.append(member.seed.data),
    )
    assert sorted(failures) == [2, 3, 4, 5]


def test_a_run_of_one_raises_its_error(tmp_path):
    with pytest.raises(ArithmeticError, match="can't look at this"):
        train(members(tmp_path, [4]), size=1)


def test_shapes_that_depend_on_a_seed_end_that_member(make_member, tmp_path):
    first, second = make_member("10"), make_member("7", p=7)
    failures = []
    training.train(
        [first, second],
        setup(compose("engine.compile=false")),
        size=2,
        failed=lambda member, error: failures.append((member, str(error))),
    )
    ((member, message),) = failures
    assert member is second
    assert message.startswith("fixed.vectors is (13, 30) torch.float32 instead of (19, 30) torch.")
    assert finished(first.folder)


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["basic", "joblib", "stacked"])
def test_every_launcher(launcher, run_train, undisturbed, tmp_path):
    """Nine jobs, of which five fail, each at another place."""
    settings = ["-m", *FAULTY, f"hydra/launcher={launcher}", f"hydra.sweep.dir={tmp_path}"]
    if launcher == "stacked":
        settings += ["hydra.launcher.workers=1", "hydra.launcher.stack_size=3"]
    config = OmegaConf.to_container(compose(*FAULTY, "seed.data=6"), resolve=True)
    leave_foreign_checkpoint(tmp_path / "8", config)
    done = run_train(*settings, "seed.data=11,2,3,12,4,13,5,14,6")
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert last == "error: 5 of 9 jobs failed"
    jobs = dict(zip([1, 2, 4, 6, 8], MESSAGES.values(), strict=True))
    for (job, message), line in zip(jobs.items(), lines, strict=True):
        assert line.startswith(f"error: {tmp_path / str(job)} (")
        assert message in line
        assert message in (tmp_path / str(job) / ERROR).read_text()
    assert len(list(tmp_path.glob(f"*/{ERROR}"))) == 5
    assert len(list(tmp_path.glob(f"*/{RESULT}"))) == 4
    for job, seed in {0: 11, 3: 12, 5: 13, 7: 14}.items():
        expected, found = undisturbed[seed], outcome(tmp_path / str(job))
        assert found.final == pytest.approx(expected.final, rel=1e-9)
        assert (found.t_train, found.t_val, found.steps) == (
            expected.t_train,
            expected.t_val,
            expected.steps,
        )
