"""The package as it is installed: built, put into an environment of its own, and used there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from grok.record.record import read_record

pytestmark = [pytest.mark.slow, pytest.mark.wheel]
ROOT = Path(__file__).parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
BUILD = [*PIP, "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
FOLDERS = {"grok": "grok", "hydra_plugins": "hydra_plugins", "conf": "grok/conf"}
"""What is installed, and where."""


def clean_environment(**more):
    """This process's environment without what makes Python find the checkout."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more


def run(*words, cwd, **environment):
    return subprocess.run(
        list(map(str, words)), cwd=cwd, env=clean_environment(**environment), check=False,
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what is built, for building leaves files."""
    copy = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """Built of the source."""
    return built(source, tmp_path_factory.mktemp("wheel"))


def built(source, folder):
    done = run(*BUILD, "--wheel-dir", folder, source, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("grokphase-*.whl")
    return path


def contents(wheel):
    """Name to checksum of each installed file."""
    with ZipFile(wheel) as packed:
        files = {info.filename: info.CRC for info in packed.infolist()}
    return {name: crc for name, crc in files.items() if ".dist-info/" not in name}


def test_the_wheel_has_every_file(source, wheel):
    expected = {
        f"{FOLDERS[path.relative_to(source).parts[0]]}/{path.relative_to(source / name).as_posix()}"
        for name in FOLDERS
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    assert set(contents(wheel)) == expected
    assert "grok/conf/task/toy_regression.yaml" in expected


def test_the_source_distribution_makes_the_same_wheel(source, wheel, tmp_path):
    done = run(sys.executable, "-c", SDIST, tmp_path, cwd=source)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = tmp_path.glob("grokphase-*.tar.gz")
    assert contents(built(archive, tmp_path)) == contents(wheel)


def test_a_sweep_with_nothing_but_the_wheel(wheel, tmp_path):
    home = tmp_path / "environment"
    venv.create(home)
    (python,) = home.glob("*/python")
    done = run(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    where = run(python, "-c", "import sysconfig as s; print(s.get_path('purelib'))", cwd=tmp_path)
    # dependencies are those of this environment; its own .pth files aren't read from there
    dependencies = sysconfig.get_path("purelib")
    Path(where.stdout.strip(), "dependencies.pth").write_text(dependencies)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    train, analyze = python.with_name("grok-train"), python.with_name("grok-analyze")

    mistake = run(train, "~nothing", cwd=tmp_path, PATH=path)
    line = "error: ~nothing: no such key; grok-train --cfg job lists them\n"
    assert (mistake.returncode, mistake.stderr) == (2, line)
    sweep = ["-m", "hydra/launcher=stacked", "hydra.launcher.workers=1", "hydra.sweep.dir=sweep"]
    settings = ["engine.compile=false", "phase.budget=60", "opt.lr_dec=1e-3,1e-2"]
    done = run(train, *sweep, *settings, cwd=tmp_path, PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    records = [read_record(tmp_path / "sweep" / job) for job in ("0", "1")]
    assert [record.overrides["opt.lr_dec"] for record in records] == [1e-3, 1e-2]
    assert {record.git_revision for record in records} == {None}
    done = run(analyze, "sweep", cwd=tmp_path, PATH=path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sweep" / "analysis" / "report.html").is_file()
