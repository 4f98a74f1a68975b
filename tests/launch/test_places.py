"""How a sweep is spread over workers, slots and GPUs."""

import pytest
import torch

from grok.composing import compose
from grok.errors import ConfigError
from grok.launch.places import Place, answers, cpu_stack, places, worthwhile


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Eight cores and two GPUs."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("jobs", "stack_size", "workers", "expected"),
    [
        (441, "auto", "auto", [Place(4, None)] * 8),
        (16, "auto", "auto", [Place(2, None)] * 8),
        (3, "auto", "auto", [Place(1, None)] * 3),
        (3, "auto", 2, [Place(2, None)] * 2),
        (441, 64, 1, [Place(64, None)]),
    ],
)
def test_on_a_cpu(jobs, stack_size, workers, expected):
    assert places(compose(), jobs, stack_size, workers, "auto") == expected


@pytest.mark.parametrize(
    ("words", "jobs", "expected"),
    [
        (["phase.budget=5000"], 6, 0.618),
        (["phase.budget=5000"], 60, 6.18),
        (["task=mnist", "phase.budget=5000"], 6, 2.637),
        (["trainer=gpu"], 6, 6),
        (["engine.plain=true"], 6, 6),
    ],
)
def test_workers_that_a_short_sweep_is_worth(words, jobs, expected):
    assert worthwhile(compose(*words), jobs) == pytest.approx(expected, rel=1e-3)


def test_a_gpu_answers_or_does_not(monkeypatch):
    monkeypatch.setattr(torch, "ones", lambda size, device: torch.tensor([1.0]))
    assert answers(1)

    def lost(size, device):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch, "ones", lost)
    assert not answers(1)


def test_on_the_plain_path_each_trains_alone():
    cfg = compose("engine.plain=true")
    assert places(cfg, 441, "auto", "auto", "auto") == [Place(1, None)] * 8
    assert places(cfg, 441, 1, 2, "auto") == [Place(1, None)] * 2
    with pytest.raises(ConfigError, match=r"hydra.launcher.stack_size=4: engine.plain, and a task"):
        places(cfg, 441, 4, "auto", "auto")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["task=toy_regression"], 4),
        (["task=toy_classification", "trainer.precision=64-true"], 2),
        (["task=mnist"], 1),
        (["task=mnist", "task.width=50", "trainer.precision=32-true"], 4),
        # few parameters, but a lot between them
        (
            [
                "task=modular",
                "task.p=31",
                "task.train_fraction=0.5",
                "task.width=64",
                "task.hidden=256",
                "trainer.precision=32-true",
            ],
            1,
        ),
    ],
)
def test_large_members_are_stacked_less_on_a_cpu(overrides, expected):
    assert cpu_stack(compose(*overrides)) == expected


@pytest.mark.parametrize("accelerator", ["gpu", "auto"])
@pytest.mark.parametrize(
    ("workers", "devices", "expected"),
    [
        ("auto", "auto", [Place(221, 0), Place(221, 1)]),
        ("auto", [1], [Place(441, 1)]),
        (3, "auto", [Place(147, 0, 2), Place(147, 1), Place(147, 0, 2)]),
    ],
)
def test_on_gpus(accelerator, workers, devices, expected):
    cfg = compose(f"trainer.accelerator={accelerator}")
    assert places(cfg, 441, "auto", workers, devices) == expected


@pytest.mark.parametrize(("asked", "slots"), [(40, 40), (64, 64), (100, 64), (200, 192)])
def test_a_stack_on_a_gpu_is_of_whole_blocks(asked, slots):
    found = places(compose("trainer.accelerator=gpu"), 441, asked, "auto", [0])
    assert found == [Place(slots, 0)]


def test_auto_without_a_gpu_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert places(compose("trainer=auto"), 2, "auto", "auto", "auto") == [Place(1, None)] * 2


@pytest.mark.parametrize(("trainer", "devices", "there"), [("cpu", [0], 0), ("gpu", [0, 2], 2)])
def test_a_gpu_that_is_not_there(trainer, devices, there):
    with pytest.raises(ConfigError, match=rf"can't be used, there are {there} with"):
        places(compose(f"trainer={trainer}"), 4, "auto", "auto", devices)
