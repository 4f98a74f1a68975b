"""``grok-train new-task``: what it writes trains, and a name that can't be is a line."""

import importlib.resources
import sys
from pathlib import Path

import pytest
import yaml

from grok import check_task, program
from grok.cli import application as cli
from grok.composing import CONF
from grok.errors import UsageError, UserError
from grok.new_task import main, write
from grok.templates.new_task import NewTask


def test_the_template_keeps_the_contract():
    check_task(NewTask())
    text = importlib.resources.files("grok.templates").joinpath("new_task.yaml").read_text()
    keys = yaml.safe_load(text)
    assert keys.pop("_target_") == f"{NewTask.__module__.rpartition('.')[2]}.{NewTask.__name__}"
    assert NewTask(**keys) == NewTask()
    assert keys.keys() == {"bits", "order", "width", "train_size", "init_scale"}


def test_what_it_writes_and_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["grok-train", "new-task", "sparse_parity"])
    cli.main()
    assert capsys.readouterr().out.splitlines() == [
        "sparse_parity.py and conf/task/sparse_parity.yaml are there. Next:",
        "  grok-train --config-dir conf task=sparse_parity opt.lr_dec=1e-3 phase.budget=3000",
        "  grok-train -m --config-dir conf task=sparse_parity opt.lr_dec=1e-4,1e-3,1e-2 "
        "opt.wd_dec=0,1,2 phase.budget=3000 hydra/launcher=stacked "
        "hydra.sweep.dir=sweeps/sparse_parity",
        "  grok-analyze sweeps/sparse_parity",
    ]
    head = (tmp_path / "conf" / "task" / "sparse_parity.yaml").read_text().splitlines()[0]
    assert head == "_target_: sparse_parity.SparseParity"
    module = (tmp_path / "sparse_parity.py").read_text()
    assert "class SparseParity(Task):" in module
    assert "new_task" not in module.lower()
    assert "newtask" not in module.lower()


def test_another_folder_is_gone_to_first(tmp_path):
    said = write("sparse_parity", tmp_path / "my work").splitlines()
    assert said[1] == f"  cd '{tmp_path / 'my work'}'"
    assert (tmp_path / "my work" / "conf" / "task" / "sparse_parity.yaml").exists()


@pytest.mark.parametrize("there", ["sparse_parity.py", "conf/task/sparse_parity.yaml"])
def test_nothing_is_overwritten(there, tmp_path):
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UserError) as told:
        write("sparse_parity", tmp_path)
    assert str(told.value) == f"{path}: is there already; choose another name or --folder"
    assert [each.read_text() for each in tmp_path.rglob("sparse*")] == ["mine"]


@pytest.mark.parametrize("name", ["Parity", "a-b", "../x", "2bits", "class", "xx.py", "a b"])
def test_names_that_python_can_not_have(name, tmp_path):
    with pytest.raises(UsageError) as told:
        write(name, tmp_path)
    line = "a name is of small letters, digits and _, such as sparse_parity"
    assert str(told.value) == f"new-task {name}: {line}"


@pytest.mark.parametrize("name", ["random", "torch", "grok", "mnist", "data", "network"])
def test_names_that_are_taken(name, tmp_path):
    with pytest.raises(UsageError) as told:
        write(name, tmp_path)
    line = "there is a module, a task or a class of that name; choose another"
    assert str(told.value) == f"new-task {name}: {line}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "the following arguments are required: NAME"),
        (["a1", "b1"], "unrecognized arguments: b1"),
        (["a1", "--folder"], "argument --folder: expected one argument"),
    ],
)
def test_words_that_make_no_command(words, problem):
    with pytest.raises(UsageError) as told:
        main(words)
    assert str(told.value) == f"{problem}; see {program.name()} new-task --help"


def test_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"can't write there \(File exists\); choose another"):
        write("sparse_parity", tmp_path / "file")


def test_no_file_among_groks_own(monkeypatch):
    monkeypatch.chdir(CONF.parent)
    with pytest.raises(
        UsageError, match=r"new-task sparse_parity: grok's own files are here; go to"
    ):
        write("sparse_parity", Path())
