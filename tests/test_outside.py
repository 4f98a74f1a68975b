"""A folder of the user's own, outside any checkout: its options train, its mistakes are told."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

import grok
from grok.errors import UserError
from tests import in_process

run_in_process = functools.partial(in_process.run_in_process, script="grok-train")

MODULE = """
from dataclasses import dataclass

import torch

from grok.callbacks import MemberCallback
from grok.optim import SGD
from grok.tasks.toy import ToyAddition


@dataclass(frozen=True)
class Mine(ToyAddition):
    extra: int = 3


@dataclass(frozen=True)
class Slow(SGD):
    momentum: float = 0.5


def largest(member):
    return torch.stack([param.abs().max() for param in member.params.values()]).max()


class Marked(MemberCallback):
    def finish(self, member, record):
        (member.folder / "marked").write_text(str(member.task.extra))
"""
OPTIONS = {
    "task/mine": "_target_: mine.Mine\nobjective: regression\nwidth: 20\nextra: 3\ninit_scale: 1.0",
    "opt/slow": "defaults: [sgd, _self_]\n_target_: mine.Slow\nmomentum: 0.5",
    "measures/largest": "largest:\n  _target_: grok.measures.Function\n  function: mine.largest\n"
    "  better: null\n  every: 10",
    "callbacks/marked": "defaults: [default, _self_]\nmarked:\n  _target_: mine.Marked",
    "experiment/own/mine": """# @package _global_
defaults:
  - override /task: mine
  - override /opt: slow
  - override /measures: [largest]
  - override /callbacks: marked
  - override /weights: final
phase: {budget: 30}
engine: {compile: false}
hydra: {sweeper: {params: {opt.lr_dec: "1e-2,1e-1", seed.model: "1,2"}}}
""",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's own, as the working folder: a module and a package with its options."""
    monkeypatch.chdir(tmp_path)
    for name, text in OPTIONS.items():
        leave(name, text)
    (tmp_path / "mine.py").write_text(MODULE)
    Path("mypackage", "__init__.py").touch()
    yield tmp_path
    sys.modules.pop("mine", None)


def leave(option, text):
    path = Path("mypackage", "conf", f"{option}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run_outside(*words):
    """The command as it is installed: Python's path has neither the working folder nor a script."""
    code = "from grok.cli.application import main; main()"
    command = [sys.executable, "-P", "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


DIRECTORY = ["--config-dir", "mypackage/conf"]
PACKAGE = ["hydra.searchpath=[pkg://mypackage.conf]"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("launcher", "where"),
    [("basic", DIRECTORY), ("joblib", PACKAGE), ("stacked", DIRECTORY)],
)
def test_options_of_ones_own_train(launcher, where, folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(grok.__file__).parents[1]))
    words = ["-m", *where, "experiment=own/mine", f"hydra/launcher={launcher}"]
    words.append("hydra.sweep.dir=out")
    if launcher == "basic":
        assert run_in_process(monkeypatch, *words) == 0
    else:
        run_outside(*words)
    table = grok.load("out")
    assert table["opt.lr_dec"].tolist() == [1e-2, 1e-2, 1e-1, 1e-1]
    assert [path.read_text() for path in Path("out").glob("*/marked")] == ["3"] * 4
    assert table["largest"].between(0.1, 10).all()
    member = grok.load_member("out/2")
    assert type(member.task).__name__ == "Mine"
    assert member.record.config["opt"]["_target_"] == "mine.Slow"


def test_what_is_analysed_needs_no_module(folder, monkeypatch):
    words = [*DIRECTORY, "task=mine", "weights=final", "phase.budget=5", "engine.compile=false"]
    assert run_in_process(monkeypatch, *words, "hydra.run.dir=out") == 0
    assert sys.path[-1] == str(folder)
    (folder / "mine.py").rename(folder / "moved.py")
    sys.modules.pop("mine")
    assert grok.load("out")["steps"].tolist() == [5]
    with pytest.raises(UserError) as told:
        grok.load_member("out")
    assert str(told.value).startswith("out: its task mine.Mine can't be made (")
    assert str(told.value).endswith("trained in, or add this to PYTHONPATH")


TASKS = (
    "imdb, mine, mnist, modular, qm9, teacher_student, toy_classification, toy_regression, "
    "toy_representation"
)


OPTIMIZERS = "adam, adamw, sgd, slow"


@pytest.mark.long
@pytest.mark.parametrize("where", [DIRECTORY, PACKAGE])
def test_options_of_ones_own_are_listed(where, folder, monkeypatch, capfd):
    for word, line in (
        ("task=min", f"task=min: no such option; choose from {TASKS}; did you mean mine?"),
        ("opt=slw", f"opt=slw: no such option; choose from {OPTIMIZERS}; did you mean slow?"),
    ):
        assert run_in_process(monkeypatch, *where, word) == 2
        assert capfd.readouterr().err == f"error: {line}\n"
    assert run_in_process(monkeypatch, *where, "experiment=mine") == 2
    assert " own/mine, re_tug/fig1" in capfd.readouterr().err
    assert run_in_process(monkeypatch, *where, "task=3") == 2
    assert capfd.readouterr().err.endswith(f", or choose from {TASKS}\n")
    assert run_in_process(monkeypatch, *where, "task=mine", "task.extr=1") == 2
    line = "error: task.extr=1: no such key with task=mine; did you mean task.extra?\n"
    assert capfd.readouterr().err == line


def test_an_option_that_nobody_has_pointed_to(folder, monkeypatch, capfd):
    assert run_in_process(monkeypatch, "task=mine") == 2
    line = "task=mine: no such option; mypackage/conf/task/mine.yaml is here; add --config-dir"
    assert capfd.readouterr().err == f"error: {line} mypackage/conf\n"


def test_a_hint_says_where_options_are(folder, monkeypatch, capfd):
    for words, typed in (
        (DIRECTORY, "--config-dir mypackage/conf"),
        (PACKAGE, "'hydra.searchpath=[pkg://mypackage.conf]'"),
    ):
        assert run_in_process(monkeypatch, *words, "opt=slow", "opt.zzz=1") == 2
        assert f" {typed} opt=slow --cfg job lists them\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config-dir", "no"], "{cwd}/no: no such folder; name one that has task/, opt/, ... in"),
        (["hydra.searchpath=[no]"], "no: no such folder; name one that has task/, opt/, ... in"),
        (
            ["hydra.searchpath=[pkg://no.conf]"],
            "hydra.searchpath=pkg://no.conf: no such package; install it, or begin Python in",
        ),
        (
            ["hydra.searchpath=no"],
            "hydra.searchpath=no: must be a list; write hydra.searchpath=[no",
        ),
    ],
)
def test_places_that_are_not_there(words, line, folder, monkeypatch, capfd):
    assert run_in_process(monkeypatch, *words, "task=mine") == 2
    (told,) = capfd.readouterr().err.splitlines()
    assert told.replace("file://", "").startswith(f"error: {line.format(cwd=folder)}")


@pytest.mark.parametrize(
    ("option", "text", "line"),
    [
        (
            "task/odd",
            "_target_: mine.Mine\nwidth: [1,2\nextra: 3\n",
            "{conf}/task/odd.yaml, line 3: expected ',' or ']', but got ':'",
        ),
        ("task/odd", "\twidth: 3", "{conf}/task/odd.yaml, line 1: found character '\\t' that"),
        ("task/odd", "a: 1\na: 2", "{conf}/task/odd.yaml, line 2: found duplicate key a"),
        ("task/odd", "width: ${a", "{conf}/task/odd.yaml: no viable alternative at input '${{a'"),
        ("task/odd", "- a\n", "task/odd.yaml: Invalid type assigned: list is not a subclass of"),
        ("task/odd", "width: 3", "task._target_: must be the full name of a class, such as mine.M"),
        (
            "task/odd",
            "_target_: mine.Nope",
            "task._target_=mine.Nope: can't be imported (there is no Nope in {cwd}/mine.py)",
        ),
        (
            "task/odd",
            "_target_: nowhere.Nope",
            "task._target_=nowhere.Nope: can't be imported (No module named 'nowhere': it is neit",
        ),
        (
            "experiment/odd",
            "defaults: [override /task: mine]",
            "experiment/odd.yaml: overrides task, which isn't below it; begin the file with # @pa",
        ),
        (
            "experiment/odd",
            "# @package _global_\nphase: {budgt: 5}",
            "experiment/odd.yaml: phase.budgt: no such key; did you mean phase.budget?",
        ),
    ],
)
def test_mistakes_in_files_of_ones_own(option, text, line, folder, monkeypatch, capfd):
    leave(option, text)
    word = f"{option.partition('/')[0]}=odd"
    assert run_in_process(monkeypatch, *DIRECTORY, word, "hydra.run.dir=out") == 2
    (told,) = capfd.readouterr().err.splitlines()
    conf = folder / "mypackage" / "conf"
    assert told.startswith(f"error: {line.format(conf=conf, cwd=folder)}")
