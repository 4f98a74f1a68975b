"""Versions and commits that a result is told to come from."""

import subprocess
import sys
from pathlib import Path

import pytest

from grok.record import provenance
from grok.tasks.toy import ToyAddition

COMMIT = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]


@pytest.fixture
def checkout(tmp_path):
    """A repository with a committed ``grok/a.py`` and ``tasks_of_mine.py``."""
    (tmp_path / "grok").mkdir()
    for name in ("grok/a.py", "tasks_of_mine.py"):
        (tmp_path / name).write_text("class Task: pass\n")
    for words in (["init", "-q"], ["add", "."], COMMIT):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    return tmp_path


@pytest.fixture
def own(monkeypatch):
    """Have grok lie in another folder."""

    def lie(folder):
        monkeypatch.setattr(provenance, "OWN", folder)
        return provenance.git_revision.__wrapped__()

    return lie


def commit_of(folder):
    command = ["git", "-C", folder, "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_versions():
    found = provenance.versions()
    assert set(found) == {"grok", "python", "torch", "lightning", "hydra-core", "numpy"}


def test_a_commit_is_dirty_with_changed_and_with_new_files(checkout):
    commit = commit_of(checkout)
    assert provenance.revision(checkout) == commit
    (checkout / "new.py").write_text("")
    assert provenance.revision(checkout / "grok") == f"{commit}-dirty"
    (checkout / "new.py").unlink()
    (checkout / "notes.txt").write_text("")
    (checkout / "sweeps" / "0" / ".hydra").mkdir(parents=True)
    (checkout / "sweeps" / "0" / ".hydra" / "config.yaml").write_text("")
    assert provenance.revision(checkout / "grok") == commit
    (checkout / "new.py").write_text("")
    hide = ["config", "status.showUntrackedFiles", "no"]
    subprocess.run(["git", "-C", checkout, *hide], check=True)
    assert provenance.revision(checkout / "grok") == f"{commit}-dirty"
    (checkout / ".gitignore").write_text("*.py\n.gitignore\n")
    assert provenance.revision(checkout) == commit
    (checkout / "grok" / "a.py").write_text("changed")
    assert provenance.revision(checkout) == f"{commit}-dirty"


@pytest.mark.parametrize("new", ["grok/new.py", "conf/task/new.yaml"])
def test_new_modules_and_configurations_make_groks_own_commit_dirty(new, checkout, own):
    (checkout / new).parent.mkdir(parents=True, exist_ok=True)
    (checkout / new).write_text("")
    assert own(checkout / "grok") == f"{commit_of(checkout)}-dirty"


def test_the_commit_is_that_of_groks_own_checkout(checkout, own, tmp_path_factory):
    assert own(checkout / "grok") == commit_of(checkout)
    installed = checkout / "venv" / "site-packages" / "grok"
    installed.mkdir(parents=True)
    (installed / "a.py").write_text("")
    assert own(installed) is None
    subprocess.run(["git", "-C", checkout, "add", "."], check=True)
    assert own(installed) is None, "a repository of somebody else's"
    (checkout / "other").mkdir()
    assert own(checkout / "other") is None, "nothing there is tracked"
    assert own(tmp_path_factory.mktemp("nowhere")) is None


def test_where_a_task_comes_from(checkout, monkeypatch):
    assert provenance.origin(ToyAddition) == {}
    monkeypatch.syspath_prepend(checkout)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import tasks_of_mine

    found = {"module": "tasks_of_mine", "package": "tasks_of_mine"}
    revision = commit_of(checkout)
    origin = provenance.origin.__wrapped__
    assert origin(tasks_of_mine.Task) == found | {"version": None, "revision": revision}
    tasks_of_mine.__version__ = "3.2"
    assert origin(tasks_of_mine.Task)["version"] == "3.2"
    del sys.modules["tasks_of_mine"]
    package = provenance.origin(pytest.Item)
    assert package == {
        "module": "_pytest.nodes",
        "package": "pytest",
        "version": pytest.__version__,
        "revision": None,
    }


def test_the_model_of_the_cpu():
    assert provenance.cpu()
    if Path("/proc/cpuinfo").exists() and "model name" in Path("/proc/cpuinfo").read_text():
        assert provenance.cpu() in Path("/proc/cpuinfo").read_text()
