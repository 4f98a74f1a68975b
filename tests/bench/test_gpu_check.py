"""The check of the GPU path runs, tells right from wrong, and ends in time; here on a CPU."""

import inspect
import json
import multiprocessing.dummy
import pkgutil
import sys
import time
from pathlib import Path

import pytest
import torch

from grok.engine import sizes
from grok.engine.replay import Replay
from grok.engine.tensors import in_place
from tests.fake_graph import install

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import gpu_cells  # noqa: E402
import gpu_check  # noqa: E402
import gpu_equal  # noqa: E402
import gpu_speed  # noqa: E402

pytestmark = pytest.mark.long
TOY = ("task=toy_regression", "task.width=16")
PARTS = """
import os, threading, time

from gpu_check import Finding


def fine(value):
    print("what a library says")
    yield Finding("first", True, value)
    yield Finding("second", None, "3 ms")


def wrong():
    yield Finding("equal", False, "differs by 1")


def lingers():
    threading.Thread(target=time.sleep, args=[100]).start()
    yield Finding("all", True)


def fails():
    yield Finding("before", True)
    raise RuntimeError("out of\\nmemory")


def dies():
    os._exit(7)


def hangs():
    yield Finding("begins", True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _like_a_gpu(monkeypatch):
    """Steps are captured, in blocks of two, and PyTorch's settings put back."""
    install(monkeypatch, block=2)
    for module in (gpu_equal, gpu_speed):
        monkeypatch.setattr(module, "GPU", torch.device("cpu"))
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def card(monkeypatch):
    """The numbers of a card, the same at every call."""
    numbers = {
        "synchronize": None,
        "reset_peak_memory_stats": None,
        "max_memory_reserved": 2**24,
        "memory_reserved": 0,
        "set_per_process_memory_fraction": None,
        "get_device_name": "a card",
        "is_available": True,
        "mem_get_info": (2**24, 2**24),
        "get_device_properties": type("Card", (), {"total_memory": 2**34}),
    }
    for name, value in numbers.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    peaks = iter(range(2**20, 2**30, 2**20))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: next(peaks))
    for name, value in {"SIDE": 8, "COPIED": 64, "ROOM": 2**23, "STEPS": 2}.items():
        monkeypatch.setattr(gpu_speed, name, value)


def wrong(findings):
    return [finding.claim for finding in findings if finding.holds is False]


@pytest.mark.parametrize("settings", [TOY, ("task=qm9",)], ids=lambda settings: settings[0])
def test_arithmetic(settings):
    found = list(gpu_equal.arithmetic(settings, "64-true"))
    assert [finding.claim for finding in found] == [
        "the step compiles, passes its check and is captured",
        "captured = compiled, to the bit",
        "run twice, to the bit",
        "compiled = uncompiled",
        "uncompiled = on the CPU",
        "stack = solo",
    ]
    assert wrong(found) == []
    assert found[3].numbers == "to the bit"


def test_blocks():
    """Two members, and the same beside two others."""
    (found,) = gpu_equal.among_others(TOY, "32-true")
    assert str(found) == (
        "ok   2 members = the same beside 2 others, to the bit: trained, 20 steps or more each"
    )


def test_a_block_that_is_left_out_is_found(monkeypatch):
    def taken(self, _branches, state, *arguments):
        of_first = in_place((state, arguments[0]), slice(self._step.size))
        return self._step(*of_first, *arguments[1:]).repeat(2, 1)

    monkeypatch.setattr(Replay, "_taken", taken)
    (found,) = gpu_equal.among_others(TOY, "32-true")
    assert not found.holds


def test_a_replay_that_reads_old_numbers_is_found(monkeypatch):
    def replay(self, state, coefficients, batch, given):
        size = ()
        if size not in self._captured:
            self._captured[size] = self._capture(state, coefficients, batch, given)
        self._captured[size].graph.replay()  # with the coefficients of the capture
        return self._captured[size].metrics.clone()

    monkeypatch.setattr(Replay, "__call__", replay)
    found = list(gpu_equal.arithmetic(TOY, "64-true"))
    assert wrong(found)[:2] == ["captured = compiled, to the bit", "compiled = uncompiled"]
    assert found[1].numbers.endswith("once trained")


def test_measures():
    found = list(gpu_equal.measured())
    assert len(found) == 6 + 5 + 3 + 2
    assert wrong(found) == []
    assert str(found[-1]) == "ok   QM9: validation = the CPU's: 0e+00, 1e-09 allowed"


def test_plain_path():
    (found,) = gpu_equal.plain(("task=toy_regression",))
    assert str(found) == "ok   plain path = the CPU's: to the bit"


def test_cells(monkeypatch):
    for name, value in {"RATES": [1e-3, 1e-2], "DECAYS": [0.0], "BUDGET": 60}.items():
        monkeypatch.setattr(gpu_cells, name, value)
    monkeypatch.setattr(gpu_cells, "get_context", lambda _: multiprocessing.dummy)
    where, *found = gpu_cells.cells()
    assert (where.holds, where.numbers) == (False, "cpu")  # there is no GPU
    assert [str(finding) for finding in found] == [
        "ok   phases = the CPU's: 2 confusion; 0 differ",
        "ok   T_train = the CPU's: 0 of 0 to the step, 0 steps apart at most, "
        "2 % or 2 steps allowed; 0 differ",
        "ok   T_val = the CPU's: 0 of 0 to the step, 0 steps apart at most, "
        "2 % or 2 steps allowed; 0 differ",
    ]


def test_cells_that_differ(monkeypatch, make_member, train_members):
    """Here a time that is another, and another phase."""
    sooner, later = train_members([make_member(name, lr=3e-3, budget=400) for name in "ab"])
    assert (sooner.t_train, sooner.phase) == (later.t_train, later.phase)
    later.t_train, later.phase = None, "confusion"
    monkeypatch.setattr(gpu_cells, "RATES", [1e-3])
    monkeypatch.setattr(gpu_cells, "DECAYS", [2.0])
    monkeypatch.setattr(gpu_cells, "get_context", lambda _: multiprocessing.dummy)
    both = iter([[sooner], [later]])
    monkeypatch.setattr(gpu_cells, "trained", lambda *_: next(both))
    assert wrong(gpu_cells.cells())[1:] == ["phases = the CPU's", "T_train = the CPU's"]


def test_memory(card, monkeypatch):
    """Data of their own are what one of three members has no room for."""
    monkeypatch.setattr(sizes, "BLOCK", 4)
    found = list(gpu_speed.memory(TOY, 2))
    assert [finding.holds for finding in found] == [True, True]
    assert found[0].numbers.startswith("2 of 3 members; ")
    assert found[1].numbers.startswith("2 of 2 members; ")


def test_speed(card):
    found = list(gpu_speed.speed(TOY, 3, "fig1_regression"))
    assert [finding.claim for finding in found] == [
        "3 members, 32-true, compiled",
        "of the card's rate",
        "docs/figures/fig1_regression, all 441 cells",
    ]
    facts = json.loads((gpu_speed.FIGURES / "fig1_regression" / "facts.json").read_text())
    assert f"minutes for {facts['steps'] / 1e6:.1f} million member-steps" in found[2].numbers


def test_the_machine(card):
    assert [finding.holds for finding in gpu_speed.machine()] == [True, None, None, None]


def test_what_a_shrinking_stack_takes():
    """Three blocks of two at 4 ms and one at 2 ms a step: so 3 ms for two of them."""
    took = gpu_speed.in_all([10, 10, 20, 20, 20, 30], blocks=3, all_of_them=4e-3, one=2e-3)
    assert took == pytest.approx(0.04 + 0.03 + 0.02)


def test_every_part_exists_and_takes_its_arguments():
    parts = gpu_check.comparing() + gpu_check.alone()
    assert len({part.title for part in parts}) == len(parts)
    for part in parts:
        inspect.signature(pkgutil.resolve_name(part.function)).bind(*part.arguments)


@pytest.fixture
def run_parts(tmp_path, monkeypatch):
    """Runs parts of the above, a folder of its own."""
    (tmp_path / "some_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)

    def run(seconds, **arguments):
        parts = [
            gpu_check.Part(name, f"some_parts:{name}", given, 1)
            for name, given in arguments.items()
        ]
        page = gpu_check.Page(tmp_path, parts)
        gpu_check.run(parts, 2, time.monotonic() + seconds, page)
        return page

    return run


def test_a_part_that_fails_fails_alone(run_parts):
    page = run_parts(60, fails=(), lingers=(), dies=(), wrong=(), fine=("4 of 4",))
    found = {title: [str(each) for each in found] for title, found in page.found.items()}
    for lines in found.values():
        assert lines.pop().startswith("-    took: ")
    assert found == {
        "fails": ["ok   before", "FAIL runs: RuntimeError: out of memory"],
        "lingers": ["ok   all"],
        "dies": ["FAIL its process: ended with 7"],
        "wrong": ["FAIL equal: differs by 1"],
        "fine": ["ok   first: 4 of 4", "-    second: 3 ms"],
    }
    assert page.failures == 3
    assert page.file.read_text().startswith("# GPU check\n\n3 ok, 3 FAIL, ")
    log = page.log.read_text()
    assert "what a library says" in log
    assert "RuntimeError: out of\nmemory" in log


def test_a_part_that_hangs_is_ended_and_others_left_out(run_parts):
    began = time.monotonic()
    page = run_parts(8, hangs=())
    assert time.monotonic() - began < 30
    assert [str(each) for each in page.found["hangs"]][:2] == [
        "ok   begins",
        "FAIL ends in time: killed, for the time is over",
    ]
    page = run_parts(0.5, fine=("",))
    assert [str(each) for each in page.found["fine"]] == ["-    left out: takes 1 s, 0 s are left"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path, capsys):
    (tmp_path / "taken").touch()
    with pytest.raises(SystemExit):
        gpu_check.main([str(tmp_path / "taken")])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("/taken: can't be made a folder (File exists); name another")
