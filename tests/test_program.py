"""What the running program is called by."""

import sys

import pytest

from grok import program
from grok.analysis.command import parse
from grok.errors import UsageError


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Has a program called by `script`, with ``grok-train`` installed in a folder on the path."""
    (tmp_path / "bin").mkdir()
    installed = tmp_path / "bin" / "grok-train"
    installed.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return lambda script: monkeypatch.setattr(sys, "argv", [script.format(tmp_path), "a=1"])


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("train.py", "python train.py"),
        ("/a b/train.py", "python '/a b/train.py'"),
        ("{}/bin/grok-train", "grok-train"),
        ("{}/bin/../bin/grok-train", "grok-train"),
        ("{}/bin/grok-train.exe", "grok-train"),
        ("/elsewhere/bin/grok-train", "/elsewhere/bin/grok-train"),
    ],
)
def test_the_name_is_what_was_typed(script, name, called):
    called(script)
    assert program.name() == name


def test_a_script_keeps_its_interpreter(called):
    called("train.py")
    assert program.words("/usr/bin/python3") == ["/usr/bin/python3", "train.py"]
    called("{}/bin/grok-train")
    assert program.words("/usr/bin/python3") == ["grok-train"]


def test_the_analysis_says_how_it_was_called(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["analyze.py", "--nothing"])
    with pytest.raises(UsageError, match=r"; see python analyze\.py --help$"):
        parse(["--nothing", "folder"])
    with pytest.raises(SystemExit):
        parse(["--help"])
    assert capsys.readouterr().out.startswith("usage: python analyze.py [-h]")


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("train.py", "python analyze.py"),
        ("/a b/train.py", "python '/a b/analyze.py'"),
        ("{}/bin/grok-train", "grok-analyze"),
    ],
)
def test_the_command_that_draws_what_was_trained(script, command, called, tmp_path, monkeypatch):
    called(script)
    monkeypatch.chdir(tmp_path)
    assert program.to_draw(tmp_path / "runs" / "a b") == f"To draw it: {command} 'runs/a b'"
    assert program.to_draw(tmp_path.parent) == f"To draw it: {command} {tmp_path.parent}"
