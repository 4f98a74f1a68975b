import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grok.analysis import command
from grok.analysis.pictures import measures
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase

CONFUSED, MEMORISED, GROKKED, UNDERSTOOD = (None, None), (5, None), (5, 5000), (5, 6)
RQI = {0: 0.0, 10: 0.25, 20: 0.5}


@pytest.fixture
def sweep_of(make_sweep, add_member, add_measures, measured):
    """Members of such times that measured an index, and a norm at other steps, of job times it."""

    def make(*times):
        settings = [{"lr": 10 + n, "wd": 3} for n in range(len(times))]
        folder = make_sweep(*[(setting, None) for setting in settings])
        found = measured(rqi=("higher", 0.5, 0.5), norm=(None, 1.0, None))
        for job, each in enumerate(times):
            if each is None:
                continue
            add_member(job, settings[job], *each, **found)
            norm = {5: 1000.0 + job, 20: 1.0 + job}
            add_measures(folder / str(job), rqi=RQI, norm=norm)
        return read_sweep(folder)

    return make


def texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_panel_a_number_and_a_line_a_member(sweep_of):
    figure = measures.draw_measures(sweep_of(CONFUSED, MEMORISED, GROKKED, UNDERSTOOD), SAFE)
    rqi, norm = figure.axes
    assert (rqi.get_title(), norm.get_title()) == ("rqi", "norm")
    for job, phase in enumerate(reversed(Phase)):
        x, y = rqi.lines[job].get_data()
        assert (list(x), list(y)) == ([10, 20], [0.25, 0.5])
        x, y = norm.lines[job].get_data()
        assert (list(x), list(y)) == ([5, 20], [1000 + job, 1 + job])
        for axes in (rqi, norm):
            assert to_hex(axes.lines[job].get_color()) == to_hex(SAFE[phase])
            assert axes.lines[job].get_linestyle() == "-"
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]
    assert rqi.get_xlim() == norm.get_xlim()
    assert texts(figure) == [
        "confusion: lr=10",
        "memorization: lr=11",
        "grokking: lr=12",
        "comprehension: lr=13",
    ]
    figure.draw_without_rendering()


def test_members_of_one_phase_have_their_own_dashes(sweep_of):
    figure = measures.draw_measures(sweep_of(GROKKED, UNDERSTOOD, GROKKED, None, GROKKED), SAFE)
    lines = figure.axes[0].lines
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", ":"]
    colours = [to_hex(SAFE[phase]) for phase in (Phase.GROKKING, Phase.COMPREHENSION)]
    assert [to_hex(line.get_color()) for line in lines] == [colours[i] for i in (0, 1, 0, 0)]


def test_many_of_one_phase_have_their_own_colours(sweep_of):
    lines = measures.draw_measures(sweep_of(*[GROKKED] * 5), SAFE).axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == 5
    assert {line.get_linestyle() for line in lines} == {"-"}


def test_none_of_a_lone_run_of_much_or_without_measures(sweep_of, grid_sweep):
    assert measures.draw_measures(sweep_of(GROKKED), SAFE) is None
    assert measures.draw_measures(sweep_of(*[GROKKED] * 13), SAFE) is None
    assert measures.draw_measures(sweep_of(*[GROKKED] * 12), SAFE) is not None


def test_none_without_measures(grid_sweep):
    assert measures.draw_measures(read_sweep(grid_sweep), SAFE) is None


def test_members_without_measures_are_left_out(sweep_of):
    sweep = sweep_of(GROKKED, CONFUSED)
    (sweep.folder / "0" / "measures.csv").unlink()
    figure = measures.draw_measures(sweep, SAFE)
    assert texts(figure) == ["confusion: lr=11"]
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [0, 2]


def test_runs_that_do_not_differ_are_told_by_their_job(tmp_path, add_member, add_measures):
    for number in (0, 1):
        add_measures(add_member(number), rqi=RQI)
    assert texts(measures.draw_measures(read_sweep(tmp_path), SAFE)) == [
        "comprehension: job 0",
        "comprehension: job 1",
    ]


def test_at_most_twelve_numbers(sweep_of, add_measures):
    sweep = sweep_of(GROKKED, CONFUSED)
    add_measures(sweep.folder / "0", **{f"m{number}": {1: 2.0} for number in range(20)})
    figure = measures.draw_measures(sweep, SAFE)
    assert [axes.get_title() for axes in figure.axes] == [f"m{number}" for number in range(12)]
    assert figure.get_supxlabel() == "optimizer step (12 of 22 measured numbers)"


def test_the_command_draws_them(sweep_of):
    folder = sweep_of(GROKKED, CONFUSED).folder
    command.main([str(folder), "--kind", "curves"])
    names = sorted(path.name for path in (folder / "analysis").iterdir())
    assert names == ["grid.csv", "measures.pdf", "measures.png"]
    written = pd.read_csv(folder / "analysis" / "grid.csv")
    assert written["best_rqi"].tolist() == [0.5, 0.5]
