"""Weights kept at the moments that the phases speak of, and read back as a plain network."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

import grok
from grok.checks.config import problems
from grok.composing import compose
from grok.errors import UserError
from grok.job import make_member as member_of
from grok.job import setup
from grok.record.record import read_record
from grok.training import train


def accuracy(loaded, part):
    batch = getattr(loaded.data, part) | loaded.data.fixed
    with torch.no_grad():
        return loaded.task.correct(loaded.task.outputs_of(loaded.network, batch), batch)


def trained(folder, size, *options):
    """Four members, of which the last never comes to validate."""
    keep = ["weights=events", "weights.every=100", "engine.steps_per_call=60", *options]
    members = [
        member_of(
            compose("phase.budget=700", f"opt.lr_dec={lr}", "opt.wd_dec=1", *keep),
            folder / str(i),
            "toy_regression",
            {},
        )
        for i, lr in enumerate((1e-3, 6e-4, 5e-4, 1e-5))
    ]
    members = [dataclasses.replace(m, seed=dataclasses.replace(m.seed, model=101)) for m in members]
    train(members, setup(compose(*keep)), size=size)
    return [member.folder for member in members]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("solo"), 1, "engine.plain=true")


@pytest.mark.long
def test_the_weights_of_a_moment(folders):
    for folder in folders:
        record = grok.load_member(folder).record
        assert record.weights[0] == "final"
        for moment in ("t_train", "t_val"):
            step = getattr(record, moment)
            assert (moment in record.weights) is (step is not None)
            if step is not None:
                loaded = grok.load_member(folder, moment)
                # a step's train accuracy is that before its update
                part = "val" if moment == "t_val" else "train"
                reached = accuracy(loaded, part).double().mean().item()
                assert reached >= record.threshold - 0.05
        final = grok.load_member(folder)
        assert accuracy(final, "val").double().mean().item() == record.final["val_accuracy"]
        for moment in record.weights:
            if moment in record.weight_norm:  # a step later it differs by 1e-4 of itself
                network = grok.load_member(folder, moment).network
                norm = torch.cat([param.flatten() for param in network.parameters()]).norm().item()
                assert norm == pytest.approx(record.weight_norm[moment], rel=1e-6)


@pytest.mark.long
def test_a_stack_keeps_what_solo_runs_keep(tmp_path):
    """Compiled, to the bit, whichever slot they sit in and whoever sits beside them."""
    together, alone = trained(tmp_path / "together", 3), trained(tmp_path / "alone", 1)
    found = 0
    for folder, other in zip(together, alone, strict=True):
        record = grok.load_member(folder).record
        assert record.weights == grok.load_member(other).record.weights
        for moment in record.weights:
            first, second = (grok.load_member(each, moment).network for each in (folder, other))
            for param, same in zip(first.parameters(), second.parameters(), strict=True):
                assert torch.equal(param, same), moment
            found += 1
    assert found >= 20


def test_initial_weights_are_those_drawn(folders):
    loaded = grok.load_member(folders[0], "initial")
    torch.manual_seed(101)
    for param, drawn in zip(
        loaded.network.parameters(), loaded.task.network().parameters(), strict=True
    ):
        assert torch.equal(param, drawn)
    first = grok.load_member(folders[0], "step_0").network.state_dict()
    assert torch.equal(first["encoder.weight"], loaded.network.encoder.weight)


def test_keeping_weights_changes_no_result(folders, tmp_path):
    member = member_of(
        compose("phase.budget=700", "opt.lr_dec=1e-3", "opt.wd_dec=1", "seed.model=101"),
        tmp_path / "plain",
        "toy_regression",
        {},
    )
    train([member], setup(compose("engine.plain=true", "engine.steps_per_call=70")))
    records = [read_record(folder) for folder in (folders[0], member.folder)]
    assert records[0].final == records[1].final
    assert records[0].steps == records[1].steps
    assert not (member.folder / "weights").exists()
    with pytest.raises(UserError, match=r"no weights of 'final'; there are none; weights=event"):
        grok.load_member(member.folder)


def test_what_cannot_be_loaded(folders, tmp_path):
    with pytest.raises(UserError, match="no member has finished there"):
        grok.load_member(tmp_path)
    with pytest.raises(UserError, match=r"no weights of 'T_val'; there are final, initial"):
        grok.load_member(folders[0], "T_val")
    damaged = shutil.copytree(folders[0], tmp_path / "damaged")
    (damaged / "weights" / "final.safetensors").write_bytes(b"half a file")
    with pytest.raises(UserError, match=r"final.safetensors: damaged \(its checksum isn't"):
        grok.load_member(damaged)
    (damaged / "weights" / "final.safetensors").unlink()
    with pytest.raises(UserError, match=r"final.safetensors: missing, and result.json names it; d"):
        grok.load_member(damaged)


@pytest.mark.parametrize("options", [["weights=events"], ["weights.every=20"]])
def test_weights_of_an_earlier_try_are_not_this_one_s(options, tmp_path):
    (tmp_path / "weights").mkdir()
    for moment in ("t_val", "step_7"):
        (tmp_path / "weights" / f"{moment}.safetensors").write_bytes(b"of other settings")
    cfg = compose("phase.budget=40", "engine.compile=false", *options)
    train([member_of(cfg, tmp_path, "toy_regression", {})], setup(cfg))
    left = (
        ["final", "initial"] if options == ["weights=events"] else ["step_0", "step_20", "step_40"]
    )
    assert read_record(tmp_path).weights == left


def test_a_measure_may_be_called_weights(tmp_path):
    cfg = compose(
        "phase.budget=40", "engine.compile=false", "weights.every=20", "+measures.weights="
        "{_target_: grok.measures.Function, every: 10, "
        "function: tests.measures.test_measure.largest_weight}",
    )  # fmt: skip
    train([member_of(cfg, tmp_path, "toy_regression", {})], setup(cfg))
    record = read_record(tmp_path)
    assert record.weights == ["step_0", "step_20", "step_40"]
    assert record.final["largest_weight"] > 0
    assert "decoder.0.weight" in grok.load_member(tmp_path, "step_20").network.state_dict()


def test_data_may_be_elsewhere_when_weights_are_read(tmp_path, monkeypatch):
    here = Path(__file__).parent.parent / "data"
    (tmp_path / "there").symlink_to(here)
    sizes = ["task.train_size=20", "task.val_size=20", "phase.budget=5", "engine.compile=false"]
    cfg = compose("task=mnist", "weights=final", f"data.dir={tmp_path / 'there'}", *sizes)
    train([member_of(cfg, tmp_path / "run", "mnist", {})], setup(cfg))
    (tmp_path / "there").unlink()
    monkeypatch.setenv("GROK_DATA_DIR", str(here))
    loaded = grok.load_member(tmp_path / "run")
    assert len(loaded.data.train["inputs"]) == 20


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "weights.moments=[t_val,end]",
            "weights.moments=['t_val', 'end']: must be some of initial",
        ),
        ("weights.every=0", "weights.every=0: must be at least 1 optimizer step, or null"),
    ],
)
def test_mistakes_are_told_before_training(override, line):
    (found,) = problems(compose(override))
    assert found.startswith(line)
