"""What make hands on to the commands, without running them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).parent.parent
PRINT = "import json, sys; print(json.dumps(sys.argv[1:]))"


@pytest.fixture
def make(tmp_path):
    """Runs make with commands that print their words."""
    (tmp_path / "ready").touch()
    (tmp_path / "words.py").write_text(PRINT)

    def run(*arguments):
        tools = [f"VENV={tmp_path}", f"RUN={sys.executable} {tmp_path / 'words.py'}"]
        command = ["make", "--silent", *tools, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    "folder", ["plain/1", "a b", "it's $5", "a=b,c", 'a"b', "a\\b", "a\\", 'a\\"b']
)
def test_a_folder_reaches_both_commands_whole(folder, make):
    done = make("toy-phase", f"DIR={folder.replace('$', '$$')}")
    train, analyze = map(json.loads, done.stdout.splitlines())
    assert analyze == ["analyze.py", folder]
    assert train[:2] == ["train.py", "-m"]
    read = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(train[2:])}
    assert read == {
        "experiment": "re_tug/fig1_regression",
        "hydra/launcher": "stacked",
        "hydra.sweep.dir": folder,
        "hydra.sweeper.scale": "quick",
        "trainer": "cpu",
    }


def test_processes_are_counted_by_each_launcher_in_its_way(make):
    for launcher, word in (("joblib", "n_jobs=2"), ("stacked", "workers=2")):
        train = make("mnist-phase", f"LAUNCHER={launcher}", "JOBS=2").stdout.splitlines()[0]
        assert f"hydra.launcher.{word}" in json.loads(train)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("SCALE=smoke quick", "SCALE=smoke quick: choose one of smoke quick paper"),
        ("SCALE=", "SCALE=: choose one of smoke quick paper"),
        ("TASK=mnist", "TASK=mnist: choose one of toy_regression toy_classification"),
        ("LAUNCHER=foo", "LAUNCHER=foo: choose one of joblib basic stacked"),
        ("TRAINER=cpu gpu", "TRAINER=cpu gpu: choose one of cpu gpu auto"),
    ],
)
def test_what_is_no_choice_is_refused(setting, message, make):
    done = make("toy-phase", setting)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_number_with_a_blank_stays_one_word(make):
    train = json.loads(make("toy-phase", "GRID=4 5").stdout.splitlines()[0])
    assert "hydra.sweeper.grid=4 5" in train
    assert not any(word.startswith("phase.budget") for word in train)
