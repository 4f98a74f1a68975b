"""What is written where, what is left out, and texts that are taken literally."""

import errno
import os
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from grok.analysis import command, output, read_sweep, report
from grok.analysis.output import Output, inert
from grok.analysis.pictures import catalogue as pictures
from grok.analysis.pictures import decay, phase_diagram
from grok.analysis.pictures.canvas import save
from grok.analysis.pictures.palette import SAFE
from grok.analysis.progress import Progress
from grok.errors import UserError

ROOT = Path(__file__).parents[2]
HOSTILE = ["$a$b", r"$\frac{$", "\x1b[31mred", "<img src=x>", "=1+1", "a\nb", "\u202eb", "日本"]


def run(*arguments):
    command.main([str(argument) for argument in arguments])


def warned(capsys):
    """What standard output and standard error got, without what was under way."""
    out, err = capsys.readouterr()
    return out, "".join(line for line in err.splitlines(True) if not line.endswith(" ...\n"))


def fail(*_):
    raise ZeroDivisionError("no\nreason")


@pytest.fixture
def one_picture(monkeypatch):
    """Only the phases, which is faster."""
    monkeypatch.setattr(pictures, "PICTURES", {"phases": {"phases": phase_diagram.draw_phases}})


def test_nothing_reached_the_threshold(make_sweep, add_curves, capsys):
    members = [({"opt.wd_dec": decay}, (None, None)) for decay in (1, 2, 3)]
    folder = make_sweep(*members)
    for job in range(3):
        add_curves(folder / str(job))
    run(folder)
    names = {path.name for path in (folder / "analysis").iterdir()}
    assert names == {
        "grid.csv", "fits.csv", "report.html", "lines.png", "lines.pdf", "curves_panels.png",
        "curves_panels.pdf", "loss_panels.png", "loss_panels.pdf",
    }  # fmt: skip
    assert warned(capsys)[1] == ""
    assert decay.draw_decay(read_sweep(folder), SAFE) is None


def test_a_picture_that_fails_is_a_line(grid_sweep, monkeypatch, capsys):
    monkeypatch.setattr(
        pictures, "PICTURES", {"phases": {"bad": fail, "phases": phase_diagram.draw_phases}}
    )
    run(grid_sweep)
    out, err = warned(capsys)
    assert err == "warning: bad: left out (ZeroDivisionError: no)\n"
    assert [line.split("/")[-1] for line in out.splitlines()[5:]] == [
        "grid.csv",
        "phases.png",
        "phases.pdf",
        "report.html",
    ]


def test_a_picture_that_cannot_be_rendered_is_a_line(grid_sweep, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "PICTURES", {"phases": {"wide": lambda *_: Figure((1e6, 1))}})
    run(grid_sweep, "--budget", 1000)
    assert re.fullmatch(r"warning: wide: left out \(ValueError: .+\)\n", warned(capsys)[1])
    assert not list((grid_sweep / "analysis").glob("wide*"))


def test_a_table_that_fails_is_a_line(grid_sweep, monkeypatch, capsys, one_picture):
    monkeypatch.setattr("grok.analysis.numbers.seeds.seeds_table", fail)
    run(grid_sweep)
    out, err = warned(capsys)
    assert err == "warning: seeds.csv: left out (ZeroDivisionError: no)\n"
    assert "report.html" in out


@pytest.mark.parametrize(
    ("function", "part"),
    [("grid.grid_picture", "report, grid"), ("members._embeddings", "report, embeddings"),
     ("members._measures", "report, measures"), ("page", "report")],
)  # fmt: skip
def test_a_part_of_the_report_that_fails_is_a_line(
    grid_sweep, monkeypatch, capsys, one_picture, function, part
):
    monkeypatch.setattr(f"grok.analysis.report.{function}", fail)
    run(grid_sweep)
    assert warned(capsys)[1] == f"warning: {part}: left out (ZeroDivisionError: no)\n"
    assert (grid_sweep / "analysis" / "report.html").exists() == (part != "report")
    assert (grid_sweep / "analysis" / "phases.png").exists()


def test_a_figure_that_is_no_json_is_left_out_of_the_report(make_sweep, monkeypatch, capsys):
    sweep = read_sweep(make_sweep(*[({"a": a}, (1, 2)) for a in (1, 2, 3)]))
    monkeypatch.setattr(
        "grok.analysis.report.lines.times_picture", lambda *_: {"data": [float("inf")]}
    )
    assert report.contents(sweep, SAFE)["figures"] == []
    assert warned(capsys)[1] == (
        "warning: report, Time to generalise: left out "
        "(ValueError: Out of range float values are not JSON compliant)\n"
    )


def test_debugging_shows_the_traceback_too(grid_sweep, monkeypatch, capsys):
    monkeypatch.setenv("GROK_DEBUG", "1")
    monkeypatch.setattr(pictures, "PICTURES", {"phases": {"bad": fail}})
    run(grid_sweep)
    assert warned(capsys)[1].startswith("Traceback")


def test_whatever_else_fails_is_a_line(grid_sweep, monkeypatch):
    monkeypatch.setattr("grok.analysis.command.summary", fail)
    with pytest.raises(UserError) as raised:
        run(grid_sweep)
    assert str(raised.value) == (
        f"{grid_sweep}: can't be analysed (ZeroDivisionError: no); GROK_DEBUG=1 shows where"
    )


def test_out_is_written_to_instead(grid_sweep, tmp_path, one_picture, capsys):
    run(grid_sweep, "--out", tmp_path / "a" / "b")
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert names == {"grid.csv", "phases.png", "phases.pdf", "report.html"}
    assert not (grid_sweep / "analysis").exists()
    assert f"table     {tmp_path}/a/b/grid.csv" in capsys.readouterr().out


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_not_followed(grid_sweep, tmp_path, dangling):
    elsewhere = tmp_path / "elsewhere"
    if not dangling:
        elsewhere.mkdir()
    (grid_sweep / "analysis").symlink_to(elsewhere)
    with pytest.raises(UserError) as raised:
        run(grid_sweep)
    assert str(raised.value) == (
        f"{grid_sweep}/analysis: is a symbolic link, which isn't followed; remove it, or pass "
        "--out FOLDER"
    )
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "(No space left on device); make room"),
        (errno.EROFS, "(Read-only file system); make its folder a writable one"),
    ],
)
@pytest.mark.parametrize("name", ["grid.csv", "phases.png", "report.html"])
def test_what_cannot_be_written_is_named(
    grid_sweep, monkeypatch, capsys, one_picture, name, number, told
):
    def replace(source, target):
        if Path(target).name == name:
            raise OSError(number, os.strerror(number))
        source.rename(target)

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(UserError) as raised:
        run(grid_sweep)
    path = grid_sweep / "analysis" / name
    assert str(raised.value) == f"{path}: can't be written {told}, or pass --out FOLDER"
    assert warned(capsys)[1] == ""


def test_texts_that_a_spreadsheet_would_run_are_made_inert(tmp_path):
    texts = ["=1+1", "+x", "-x", "@x", "\t=1", "\r=1", "-1e3", "+inf", "tanh", "a=b", None]
    table = pd.DataFrame({"=k": pd.Series(texts, dtype="str"), "n": range(len(texts))})
    expected = ["'=1+1", "'+x", "'-x", "'@x", "'\t=1", "'\r=1", "-1e3", "+inf", "tanh", "a=b"]
    found = inert(table)
    assert list(found) == ["'=k", "n"]
    assert found["'=k"].dropna().tolist() == expected
    assert found["n"].tolist() == list(range(len(texts)))
    written = Output(tmp_path)
    written.table("t.csv", lambda: table)
    assert (tmp_path / "analysis" / "t.csv").read_text().startswith("'=k,n\n'=1+1,0\n")


@pytest.mark.parametrize("keys", [("text",), ("$text$", "opt.lr_dec", "opt.wd_dec")])
def test_texts_are_taken_literally(make_sweep, capsys, keys):
    jobs = [
        dict(zip(keys, (text, rate, decay)[: len(keys)], strict=True))
        for text in HOSTILE
        for rate, decay in ((1, 1), (1, 2), (2, 1), (2, 2))[: 1 if len(keys) == 1 else 4]
    ]
    folder = make_sweep(*[(job, (100, 200)) for job in jobs])
    run(folder)
    out, err = warned(capsys)
    assert err == ""
    assert "\x1b" not in out
    page = (folder / "analysis" / "report.html").read_text()
    for hostile in ("<img", "\x1b", "\x00"):
        assert hostile not in page[page.index('id="data"') :]


def test_text_is_no_mathematics_but_powers_of_ten_are(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 1000], [1, 2])
    axes.set(xscale="log", title="$a$\x1b", ylabel=r"$\frac{$")
    axes.set_yticks([1, 2], ["$x$", "$y$"])
    save(figure, tmp_path / "a", "png")
    assert axes.get_title() == r"$a$\x1b"
    texts = [axes.title, axes.yaxis.label, *axes.get_yticklabels()]
    assert [text.get_parse_math() for text in texts] == [False] * 4
    powers = axes.get_xticklabels()
    assert r"$\mathdefault{10^{2}}$" in [text.get_text() for text in powers]
    assert all(text.get_parse_math() for text in powers)
    assert all(tick.label2.get_parse_math() for tick in axes.xaxis.get_major_ticks())


def test_a_hostile_folder(make_sweep, tmp_path, capsys):
    make_sweep(({"a": 1}, (1, 2)), ({"a": 2}, (1, 2)))
    folder = tmp_path.rename(tmp_path.with_name("$a$<b>\x1b[31m\udcff"))
    try:
        run(folder)
        out, err = warned(capsys)
        assert err == ""
        assert out.startswith(rf"{folder.parent}/$a$<b>\x1b[31m\udcff: 2 of 2 finished")
        page = (folder / "analysis" / "report.html").read_text()
        assert r"<title>toy_regression: $a$&lt;b&gt;\x1b[31m\udcff</title>" in page
    finally:
        folder.rename(tmp_path)


def test_attempt_gives_what_was_made():
    assert output.attempt("part", max, 1, 2) == 2


@pytest.mark.parametrize(
    ("options", "function"),
    [
        (["--theory"], "theory.predictions"),
        (["--frame", "re-tug/fig1-regression"], "frame.frame_box"),
    ],
)
def test_an_option_that_fails_is_a_line(
    grid_sweep, monkeypatch, capsys, one_picture, options, function
):
    monkeypatch.setattr(f"grok.analysis.numbers.{function}", fail)
    run(grid_sweep, *options)
    out, err = warned(capsys)
    assert err == f"warning: {options[0]}: left out (ZeroDivisionError: no)\n"
    assert "phases.png" in out


def test_what_is_under_way_is_printable(capsys):
    with Progress(patience=0) as progress:
        progress("reading \x1b[2J")
    assert "reading \\x1b[2J ...\n" in capsys.readouterr().err


def test_very_many_seeds_have_their_summary(make_sweep, capsys):
    jobs = [
        {"opt.lr_dec": rate, "opt.wd_dec": decay, "seed.data": seed}
        for rate in (1, 2)
        for decay in (1, 2)
        for seed in range(25)
    ]
    folder = make_sweep(*[(job, (100, 200)) for job in jobs])
    run(folder, "--kind", "phases")
    out, err = warned(capsys)
    assert err == ""
    assert "drawn         the first 24 of 25 panels at most; seeds.png sums up all\n" in out
    names = {path.name for path in (folder / "analysis").iterdir()}
    assert names == {"grid.csv", "seeds.csv", "seeds.png", "seeds.pdf"}
    with pytest.raises(UserError, match="--theory: nothing to draw"):
        run(folder, "--theory")
    with pytest.raises(UserError, match="no phase diagram to draw on"):
        run(folder, "--frame", folder)
    sweep = read_sweep(folder)
    assert report.facts(sweep)["Drawn"] == "the first 24 of 25 panels"
    members = report.contents(sweep, SAFE)["members"]
    assert [member["cell"] is None for member in members] == [
        job["seed.data"] == 24 for job in jobs
    ]
