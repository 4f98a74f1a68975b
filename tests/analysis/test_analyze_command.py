import subprocess
import sys
from pathlib import Path

import pytest

from grok.analysis import command
from grok.analysis.pictures import catalogue as pictures
from grok.analysis.pictures import phase_diagram
from grok.analysis.pictures.palette import PALETTES
from grok.errors import UsageError, UserError, run_reporting

ROOT = Path(__file__).parents[2]

GRID = """\
job,opt.wd_dec,opt.lr_dec,t_train,t_val,budget,phase,steps,stop_reason,diverged,\
train_loss,train_accuracy,val_loss,val_accuracy,weight_norm,\
best_train_loss,best_train_accuracy,best_val_loss,best_val_accuracy,\
initial_norm,norm_at_t_train,norm_at_t_val,decay_per_step,wall_seconds
0,5,0.01,,,100000,confusion,100000,budget,False,0.125,1.0,0.5,0.75,30.0,\
0.1,1.0,0.4,0.875,20.0,,,,1.5
1,0,0.01,70,,100000,memorization,100000,budget,False,0.125,1.0,0.5,0.75,30.0,\
0.1,1.0,0.4,0.875,20.0,25.0,,,1.5
3,0,0.001,200,1200,100000,grokking,1200,early_stop,False,0.125,1.0,0.5,0.75,30.0,\
0.1,1.0,0.4,0.875,20.0,25.0,,,1.5
4,5,0.0001,600,1599,100000,comprehension,1599,early_stop,False,0.125,1.0,0.5,0.75,30.0,\
0.1,1.0,0.4,0.875,20.0,25.0,,,1.5
5,0,0.0001,500,460,100000,comprehension,500,early_stop,False,0.125,1.0,0.5,0.75,30.0,\
0.1,1.0,0.4,0.875,20.0,25.0,,,1.5
"""


@pytest.fixture
def no_pictures(monkeypatch):
    """Only the table and the text, which is faster."""
    monkeypatch.setattr(pictures, "PICTURES", {})


def run(*arguments):
    command.main([str(argument) for argument in arguments])


def written(folder):
    """The names of what was written, after a look at the pictures."""
    paths = sorted((folder / "analysis").iterdir())
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".csv": b"job,", ".html": b"<!DOCTYPE html>"}
    for path in paths:
        assert path.read_bytes().startswith(starts[path.suffix])
        assert path.suffix == ".csv" or path.stat().st_size > 5000
    return [path.name for path in paths]


def fail(folder, capsys):
    """The one line that `folder` fails with."""
    with pytest.raises(SystemExit) as ended:
        run_reporting(lambda: run(folder))
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert str(folder) in err
    return err


@pytest.mark.usefixtures("no_pictures")
def test_table_is_exactly_this(grid_sweep):
    run(grid_sweep)
    assert (grid_sweep / "analysis" / "grid.csv").read_text() == GRID


def test_pictures_and_summary_of_a_grid(grid_sweep, capsys):
    run(grid_sweep)
    names = ["phases.pdf", "phases.png", "report.html", "smooth.pdf", "smooth.png"]
    assert written(grid_sweep) == ["grid.csv", *names, "t_train.pdf", "t_train.png"]
    analysis = grid_sweep / "analysis"
    assert capsys.readouterr().out.splitlines() == [
        f"{grid_sweep}: 5 of 6 finished, 1 missing",
        "comprehension       2   40.0%",
        "grokking            1   20.0%",
        "memorization        1   20.0%",
        "confusion           1   20.0%",
        f"table     {analysis}/grid.csv",
        f"pictures  {analysis}/phases.png",
        f"          {analysis}/phases.pdf",
        f"          {analysis}/smooth.png",
        f"          {analysis}/smooth.pdf",
        f"          {analysis}/t_train.png",
        f"          {analysis}/t_train.pdf",
        f"report    {analysis}/report.html",
    ]


@pytest.mark.usefixtures("no_pictures")
def test_again_after_more_has_finished(grid_sweep, add_member, capsys):
    run(grid_sweep)
    add_member(2, {}, None, None, diverged=True, stop_reason="diverged")
    capsys.readouterr()
    run(grid_sweep)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{grid_sweep}: 6 of 6 finished"
    assert out[4] == "confusion           2   33.3%"
    assert out[5] == "diverged            1"


def test_palettes_give_other_pictures(grid_sweep, monkeypatch):
    monkeypatch.setattr(pictures, "PICTURES", {"phases": {"new": phase_diagram.draw_phases}})
    picture = grid_sweep / "analysis" / "new.png"
    run(grid_sweep)
    safe = picture.read_bytes()
    run(grid_sweep, "--palette", "paper")
    paper = picture.read_bytes()
    run(grid_sweep, "--palette", "safe")
    assert safe == picture.read_bytes() != paper


def test_palette_names_are_those_there_are():
    for name in PALETTES:
        assert command.parse(["folder", "--palette", name]).palette == name
    with pytest.raises(UsageError, match=r"'pretty' \(choose from '?safe'?, '?paper'?\)") as caught:
        command.parse(["folder", "--palette", "pretty"])
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("steps", ["0", "x", "inf", "nan", "1.5", "-3"])
def test_a_budget_is_a_whole_number(steps):
    with pytest.raises(UsageError, match=rf"{steps}: must be a whole number of optimizer steps"):
        command.parse(["folder", f"--budget={steps}"])
    assert command.parse(["folder", "--budget", "1e5"]).budget == 100_000


def test_one_key_draws_lines_and_trajectories(make_sweep, add_embeddings):
    folder = make_sweep(({"lr": 1}, (1, 2)), ({"lr": 2}, None))
    add_embeddings(0)
    run(folder)
    assert written(folder) == [
        "grid.csv",
        "lines.pdf",
        "lines.png",
        "report.html",
        "trajectories.pdf",
        "trajectories.png",
        "trajectories_early.pdf",
        "trajectories_early.png",
    ]


def test_single_run_prints_its_result(add_member, add_curves, capsys):
    folder = add_member(0, {"opt.lr_dec": 0.1}, 70, None)
    add_curves(folder)
    run(folder)
    assert written(folder) == ["curves.pdf", "curves.png", "grid.csv", "report.html"]
    assert capsys.readouterr().out.splitlines()[:7] == [
        f"{folder}: 1 of 1 finished",
        "phase           memorization",
        "T_train         70",
        "T_val           never",
        "steps           100000 of 100000 (budget)",
        "train accuracy  1",
        "val accuracy    0.75",
    ]


def test_times_are_printed_in_full(add_member, capsys):
    run(add_member(0, {}, 1_234_567, 1_234_568, budget=3_000_000, phase="comprehension"))
    assert "T_train         1234567\n" in capsys.readouterr().out


def test_nothing_finished_is_no_error(grid_sweep, capsys):
    for result in grid_sweep.glob("*/result.json"):
        result.unlink()
    run(grid_sweep)
    assert written(grid_sweep) == ["grid.csv"]
    assert (grid_sweep / "analysis" / "grid.csv").read_text() == "".join(GRID.splitlines(True)[:1])
    assert capsys.readouterr().out.splitlines() == [
        f"{grid_sweep}: 0 of 6 finished, 6 missing",
        f"table     {grid_sweep}/analysis/grid.csv",
        "pictures  none",
    ]


def test_folder_that_is_not_there(tmp_path, capsys):
    assert "isn't there; pass the folder" in fail(tmp_path / "nowhere", capsys)


def test_file_instead_of_a_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "is a file; pass the folder" in fail(tmp_path / "file", capsys)


def test_folder_without_a_sweep(tmp_path, capsys):
    (tmp_path / "0").mkdir()
    message = fail(tmp_path, capsys)
    assert "no plan.json, and no result.json in it or in its numbered folders" in message


@pytest.mark.usefixtures("no_pictures")
def test_damaged_record(grid_sweep, capsys, caplog):
    (grid_sweep / "1" / "result.json").write_text('{"schema": 1, "task"')
    run(grid_sweep)
    assert capsys.readouterr().out.startswith(f"{grid_sweep}: 4 of 6 finished, 2 missing\n")
    (line,) = caplog.messages
    assert line.startswith(f"{grid_sweep}/1/result.json: unreadable (Expecting ':' delimiter")
    assert line.endswith("delete it and run its job again; until then its member counts as missing")
    (grid_sweep / "analysis").rename(grid_sweep / "1" / "analysis")
    assert "1/result.json: unreadable" in fail(grid_sweep / "1", capsys)


def test_damaged_plan(grid_sweep, capsys):
    (grid_sweep / "plan.json").write_text("[]")
    assert "plan.json: not a version 1 plan" in fail(grid_sweep, capsys)


def test_analysis_that_cannot_be_written(grid_sweep, capsys):
    (grid_sweep / "analysis").write_text("in the way")
    assert fail(grid_sweep, capsys) == (
        f"error: {grid_sweep}/analysis/grid.csv: can't be written (File exists); "
        "make its folder a writable one, or pass --out FOLDER\n"
    )


@pytest.mark.usefixtures("no_pictures")
def test_failed_write_leaves_the_old_table(grid_sweep, monkeypatch):
    run(grid_sweep)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    (grid_sweep / "5" / "result.json").unlink()
    with pytest.raises(UserError, match="disk full"):
        run(grid_sweep)
    assert (grid_sweep / "analysis" / "grid.csv").read_text() == GRID
    assert written(grid_sweep) == ["grid.csv", "report.html"]  # No temporary file.


def test_script_reports_and_exits(tmp_path):
    script = [sys.executable, str(ROOT / "analyze.py")]
    bad = subprocess.run([*script, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert bad.returncode == 1
    assert bad.stderr.startswith(f"error: {tmp_path}: no plan.json")
    assert "Traceback" not in bad.stderr
    assert subprocess.run(script, capture_output=True, cwd=ROOT).returncode == 2


def test_help_waits_for_no_matplotlib_and_pictures_for_no_torch():
    code = """
import sys
import grok.analysis.command
assert not {"matplotlib", "plotly", "scipy"} & set(sys.modules)
import grok.analysis.pictures.catalogue
import grok.analysis.report
heavy = {"torch", "hydra", "lightning", "omegaconf", "matplotlib.pyplot"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_refined_sweep(refined, capsys):
    folder = refined()
    run(folder)
    pictures = [f"{name}.png" for name in ("decay", "phases", "smooth", "t_train")]
    assert sorted(path.name for path in (folder / "analysis").glob("*.png")) == pictures
    assert (folder / "analysis" / "report.html").exists()
    assert capsys.readouterr().out.splitlines()[:5] == [
        f"{folder}: 18 of 45 trained, 27 implied",
        "comprehension      35   77.8%",
        "grokking            0    0.0%",
        "memorization       10   22.2%",
        "confusion           0    0.0%",
    ]
    rows = (folder / "analysis" / "grid.csv").read_text().splitlines()
    assert rows[0].startswith("job,opt.wd_dec,opt.lr_dec,t_train,t_val,budget,phase,implied,steps")
    assert rows[1].startswith("0,0.0,1e-09,100,200,100000,comprehension,False,200,early_stop,False")
    assert rows[2] == "1,0.0,1e-08,,,,comprehension,True,,,False" + "," * 14


@pytest.mark.usefixtures("no_pictures")
def test_a_refined_sweep_under_way(refined, capsys):
    folder = refined(without=[7])
    run(folder)
    assert capsys.readouterr().out.startswith(
        f"{folder}: 17 of 45 trained, 27 implied, 1 missing\n"
    )
