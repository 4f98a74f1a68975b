"""Damaged files of members: told in a line, once, and as if there were none."""

import json

import numpy as np
import pandas as pd
import pytest

from grok.analysis.read import files
from grok.analysis.read.folder import read_folder
from grok.analysis.read.table import read_sweep
from grok.errors import DamagedFileError
from grok.record.damage import signed
from grok.record.record import Plan, write_plan, write_record
from tests.analysis.conftest import make_record

HEAD = "step,train_loss,train_accuracy,val_loss,val_accuracy,weight_norm\n"
ROW = "1,1,1,1,1,1\n"


@pytest.mark.parametrize(
    "text",
    ["", "step,train_loss\n1,2\n", "\x00\x01", f"{HEAD}1,good,1,1,1,1\n", f"{HEAD}2.5,1,1,1,1,1\n",
     f"{HEAD}{ROW}{ROW}", f"{HEAD}nan,1,1,1,1,1\n", f"{HEAD}0,1,1,1,1,1\n",
     f"{HEAD}1{'0' * 400},1,1,1,1,1\n"],
)  # fmt: skip
def test_damaged_curves(tmp_path, text):
    (tmp_path / "curves.csv").write_text(text)
    with pytest.raises(
        DamagedFileError, match=r"curves\.csv: damaged \(.*; delete its run"
    ) as caught:
        files.read_curves(tmp_path / "curves.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "\x00\x01", "step\n1\n", "rqi,step\n1,2\n", "step,rqi\n1,good\n", "step,a\n,1\n",
     "step,a\n-1,1\n"],
)  # fmt: skip
def test_damaged_measures(tmp_path, text):
    (tmp_path / "measures.csv").write_text(text)
    with pytest.raises(DamagedFileError, match=r"measures\.csv: damaged \(") as caught:
        files.read_measures(tmp_path / "measures.csv")
    assert "\n" not in str(caught.value)


def flip_each_byte(path):
    """Every file that is as `path` but for a bit."""
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        yield


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        (np.arange(3), np.zeros((4, 5))),
        (np.arange(3), np.zeros((3, 5, 1))),
        (np.arange(3), np.zeros((3, 0))),
        (np.arange(3), np.full((3, 5), "a")),
        (np.arange(3), np.zeros((3, 5), complex)),
        (np.arange(3).astype(str), np.zeros((3, 5))),
        (np.arange(3)[::-1], np.zeros((3, 5))),
    ],
)
def test_damaged_arrays(tmp_path, steps, values):
    np.savez(tmp_path / "a.npz", steps=steps, values=values)
    with pytest.raises(DamagedFileError, match=r"a\.npz: damaged \("):
        files.read_array(tmp_path / "a.npz", "values", 2)


def test_no_damage_of_an_archive_raises_anything_else(tmp_path):
    """Whatever zip, zlib and NumPy may say."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, steps=np.arange(3), values=np.ones((3, 5)))
    seen = 0
    for _ in flip_each_byte(path):
        try:
            files.read_array(path, "values", 2)
        except DamagedFileError as error:
            seen += "\n" not in str(error)
    assert seen > 20
    for content in (b"", b"PK\x05\x06", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError):
            files.read_array(path, "values", 2)


@pytest.fixture
def sweep(tmp_path, add_member, add_curves, add_measures, add_embeddings):
    """A member that left all, and one that left nothing."""
    write_plan(tmp_path, Plan(["key"], [{"key": 0}, {"key": 1}]))
    add_member(1, {"key": 1})
    folder = add_member(0)
    add_curves(folder)
    add_measures(folder, rqi={10: 0.5})
    add_embeddings(0, last_step=20)
    write_record(folder, make_record({"key": 0}, 100, 200))
    return read_sweep(tmp_path)


def test_sound_files(sweep):
    assert sorted(sweep.records[0].files) == ["curves.csv", "embeddings.npz", "measures.csv"]
    assert files.curves(sweep, 0)["step"].tolist() == [1, 10, 100]
    assert files.measures(sweep, 0)["rqi"].tolist() == [0.5]
    steps, values = files.array(sweep, 0, "embeddings.npz", "values", 3)
    assert (steps.tolist(), values.shape) == ([0, 10, 20], (3, 5, 1))
    assert files.curves(sweep, 1) is None
    assert sweep.damaged == {}


@pytest.mark.parametrize("name", ["curves.csv", "measures.csv", "embeddings.npz"])
def test_what_differs_from_its_checksum_counts_as_none(sweep, name, caplog):
    path = sweep.folder / "0" / name
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        assert (files.curves(sweep, 0) is None) == (name == "curves.csv")
        assert (files.measures(sweep, 0) is None) == (name == "measures.csv")
        found = files.array(sweep, 0, "embeddings.npz", "values", 3)
        assert (found is None) == (name == "embeddings.npz")
    line = (
        f"{path}: damaged (its checksum isn't the one in result.json); "
        "delete its run and run it again"
    )
    assert sweep.damaged == {path: line}
    assert caplog.messages == [f"{line}; until then its member is drawn without"]


@pytest.mark.parametrize("name", ["curves.csv", "measures.csv", "embeddings.npz"])
def test_what_is_gone_is_named_once(sweep, name, caplog):
    path = sweep.folder / "0" / name
    path.unlink()
    for _ in range(2):
        assert (files.curves(sweep, 0) is None) == (name == "curves.csv")
        assert (files.measures(sweep, 0) is None) == (name == "measures.csv")
        found = files.array(sweep, 0, "embeddings.npz", "values", 3)
        assert (found is None) == (name == "embeddings.npz")
    line = f"{path}: missing, and result.json names it; delete its run and run it again"
    assert sweep.damaged == {path: line}
    assert caplog.messages == [f"{line}; until then its member is drawn without"]


def test_a_record_of_another_job_is_missing(tmp_path, make_sweep):
    folder = make_sweep(({"key": 1}, (1, 2)), ({"key": 2}, (3, 4)))
    (folder / "1" / "result.json").write_bytes((folder / "0" / "result.json").read_bytes())
    plan, _, records, damaged = read_folder(folder)
    assert (len(plan.jobs), list(records)) == (2, [0])
    assert damaged[folder / "1" / "result.json"] == (
        f"{folder}/1/result.json: of another job (key is 1, and 2 in plan.json); "
        "delete it and run its job again"
    )


def test_only_jobs_have_numbers_for_names(tmp_path, add_member):
    for name in ("3", "03", "٣", "9" * 30, "-1"):
        add_member(name)
    assert list(read_folder(tmp_path).records) == [3]


def test_a_record_of_a_newer_version_says_so(grid_sweep):
    path = grid_sweep / "4" / "result.json"
    content = json.loads(path.read_text()) | {"schema": 2}
    content.pop("checksum")
    path.write_text(json.dumps(signed(content)))
    assert read_sweep(grid_sweep).damaged == {
        path: f"{path}: version 2 of a record, written by a newer version of grok; update grok"
    }


def test_the_types_of_tables(sweep):
    assert isinstance(files.curves(sweep, 0), pd.DataFrame)
    assert set(files.curves(sweep, 0).dtypes) == {np.dtype("float64")}
