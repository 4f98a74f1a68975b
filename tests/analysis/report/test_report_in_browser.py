"""The report as people see it, in a browser."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from grok.analysis import report
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase
from grok.record.names import CURVES
from tests.analysis.report.test_report import EVIL, embedded

LIMIT = 15_000_000  # bytes of a report of 441 members


@pytest.fixture(scope="module")
def browser():
    """Chromium: Playwright's own, or the system's."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    with sync_api.sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome", "chrome")
        found = [playwright.chromium.executable_path, *filter(None, map(shutil.which, names))]
        found = [path for path in found if Path(path).is_file()]
        if not found:
            pytest.skip("no browser: neither Playwright's own nor chromium or chrome on PATH")
        launched = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser):
    """Open a file; a page that fails the test if it complains or asks for anything else."""
    problems = []
    contexts = []

    def open_page(path, **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "data:", "blob:")) or problems.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        eventually(page, DRAWN)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def big_report(big_sweep):
    return written(big_sweep)


def written(folder):
    """The path of the report of a sweep."""
    path = folder / report.NAME
    path.write_text(report.page(read_sweep(folder), SAFE), encoding="utf-8")
    return path


DRAWN = "document.querySelectorAll('#curves .xtick').length > 0"
PATIENCE = 120  # seconds, of a machine that is busy with other tests


def eventually(page, condition):
    """Wait until a condition holds (Playwright's own way is refused by the page's policy)."""
    until = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(50)


def point(page, column, row):
    """Where on the page a cell is."""
    return page.evaluate(
        """([column, row]) => {
          const grid = document.getElementById("grid"), {x, y} = grid.getBoundingClientRect();
          const {xaxis, yaxis} = grid._fullLayout;
          return [x + xaxis._offset + xaxis.l2p(column), y + yaxis._offset + yaxis.l2p(row)];
        }""",
        [column, row],
    )


def click(page, column, row):
    """Click a cell, as people do: not before the pointer's label is there."""
    page.mouse.move(*point(page, column, row))
    page.wait_for_timeout(400)  # sooner after the last click it would count as a double click
    page.mouse.click(*point(page, column, row))


def shown(page, column, row):
    """The number that colours a cell."""
    script = (
        "([c, r]) => document.getElementById('grid').data.find((t) => t.type === 'heatmap').z[r][c]"
    )
    return page.evaluate(script, [column, row])


def plotted(page, trace):
    script = "(i) => { const {x, y} = document.getElementById('curves').data[i]; return [x, y]; }"
    return page.evaluate(script, trace)


def test_the_size_of_a_published_diagram(big_report):
    assert big_report.stat().st_size < LIMIT
    assert len(embedded(big_report.read_text())["members"]) == 441


def test_it_opens_at_once_and_offline(big_report, visit):
    page = visit(big_report)
    measure = page.context.new_cdp_session(page)
    # The processor's time, since tests run beside each other.
    measure.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.reload()
    eventually(page, DRAWN)
    metrics = measure.send("Performance.getMetrics")["metrics"]
    seconds = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
    assert page.locator("#grid .heatmaplayer image").count() >= 1
    assert page.locator(".modebar-btn[data-title^=Share]").count() == 0
    assert page.locator("#about").inner_text().count("440 of 441 finished, 1 missing") == 1
    assert 0 < seconds < 3


def test_hovering_tells_the_cell_under_the_pointer(big_report, visit):
    page = visit(big_report)
    page.mouse.move(*point(page, 3, 7))
    page.locator("#grid .hovertext").wait_for()
    lines = page.locator("#grid .hovertext tspan.line").all_text_contents()
    assert lines[:6] == [
        "job: 150",
        "opt.wd_dec: 7",
        "opt.lr_dec: 3.98107e-5",
        "phase: grokking",
        "T_train: 103",
        "T_val: 2073",
    ]


def test_clicking_shows_the_curves(big_sweep, big_report, visit):
    page = visit(big_report)
    click(page, 3, 7)
    assert page.locator("#outcome strong").inner_text() == "Member 150: grokking"
    curves = np.genfromtxt(big_sweep / "150" / CURVES, delimiter=",", names=True)
    for trace, column in enumerate(
        ("train_accuracy", "val_accuracy", "train_loss", "val_loss", "weight_norm")
    ):
        x, y = plotted(page, trace)
        assert x == curves["step"].tolist()
        expected = [None if np.isnan(value) else value for value in curves[column]]
        assert y == expected
    assert plotted(page, 2)[1][0] == 1.15
    assert plotted(page, 3)[1][-1] is None


def test_members_without_curves_say_so(big_report, visit):
    page = visit(big_report)
    for cell, words in (((2, 0), "left no curves.csv"), ((20, 20), "hasn't finished")):
        click(page, *cell)
        assert words in page.locator("#curves .annotation-text").text_content()
        assert plotted(page, 0)[1] == []


def test_the_switch_changes_what_is_shown(big_report, visit):
    page = visit(big_report)
    assert shown(page, 3, 7) == list(Phase).index(Phase.GROKKING)
    page.get_by_text("T_val", exact=True).first.click()
    assert 10 ** shown(page, 3, 7) == pytest.approx(2073)
    page.locator("#views input").nth(3).press("ArrowLeft")
    assert 10 ** shown(page, 3, 7) == pytest.approx(103)
    more = page.get_by_label("Measured")
    groups = page.locator("#more optgroup").evaluate_all("(all) => all.map((one) => one.label)")
    assert groups == ["At the last step", "The best of all steps"]
    for name, value in (("Final train accuracy", 1), ("Best validation accuracy", 0.875)):
        more.select_option(label=name)
        assert shown(page, 3, 7) == value
        assert page.locator("#views input:checked").count() == 0
    assert page.locator("#note").inner_text() == (
        "The best of all steps: bright is higher. A cross marks a member that hasn't finished."
    )
    page.get_by_text("Phase", exact=True).first.click()
    assert shown(page, 3, 7) == list(Phase).index(Phase.GROKKING)
    assert more.input_value() == ""
    more.select_option(label="Final weight norm")
    more.select_option(label="choose")
    assert shown(page, 3, 7) == list(Phase).index(Phase.GROKKING)
    assert page.locator("#views input").first.is_checked()


def test_the_keyboard_chooses_members(big_report, visit):
    page = visit(big_report)
    page.get_by_label("opt.lr_dec").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.get_by_label("opt.wd_dec").focus()
    page.keyboard.press("End")
    outcome = page.locator("#outcome[aria-live=polite]").inner_text()
    assert "Member 421: grokking" in outcome
    assert "T_train: 101 · T_val: 2201" in outcome
    frame = page.evaluate("document.getElementById('grid').layout.shapes[0]")
    assert (frame["x0"], frame["y0"]) == (0.5, 19.5)
    assert plotted(page, 2)[1][0] == 1.421


def test_light_and_dark_and_narrow(big_report, visit):
    font = "document.getElementById('{}')._fullLayout.font.color === '{}'"
    page = visit(big_report, viewport={"width": 390, "height": 844}, color_scheme="light")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for scheme, colour in (("light", "#1b1f24"), ("dark", "#e8eaed"), ("light", "#1b1f24")):
        page.emulate_media(color_scheme=scheme)
        for plot in ("grid", "curves"):
            eventually(page, font.format(plot, colour))
    click(page, 3, 7)
    assert page.locator("#outcome strong").inner_text() == "Member 150: grokking"


def test_nothing_injected_runs(make_sweep, add_curves, visit):
    members = [({"a": a, "b": b, EVIL: EVIL}, (1, 2)) for a in (1, 2) for b in (1, 2)]
    members += [({"a": 1, "b": 1, EVIL: "other"}, (1, 2))]
    folder = make_sweep(*members)
    add_curves(folder / "0")
    page = visit(written(folder))
    page.mouse.move(*point(page, 0, 0))
    page.locator("#grid .hovertext").wait_for()
    assert EVIL in " ".join(page.locator("#grid .hovertext tspan.line").all_text_contents())
    assert page.locator("img").count() == 0


def test_other_pictures_open(make_sweep, add_curves, visit):
    members = [({"opt.wd_dec": wd}, (10, round(1000 / wd))) for wd in (0.5, 1, 2, 4)]
    folder = make_sweep(*members)
    add_curves(folder / "2")
    page = visit(written(folder))
    assert page.locator("section h2").all_inner_texts() == [
        "Time to generalise",
        "Time to generalise against weight decay",
        "The sweep",
    ]
    assert page.locator("#cells").is_hidden()
    assert plotted(page, 2) == [[1, 10, 100], [1, 0.5, 0.01]]
    markers = page.locator("#figure1 .scatterlayer .points path")
    markers.nth(3).scroll_into_view_if_needed()
    marker = markers.nth(3).bounding_box()
    page.mouse.click(marker["x"] + marker["width"] / 2, marker["y"] + marker["height"] / 2)
    assert page.locator("#outcome strong").inner_text() == "Member 3: comprehension"


def test_choosing_shows_what_was_measured(cells, add_curves, add_measures, visit):
    add_curves(cells / "0")
    add_measures(cells / "0", rqi={0: 0.0, 10: 0.25, 20: 0.5})
    page = visit(written(cells))
    assert plotted(page, 5) == [[10, 20], [0.25, 0.5]]
    assert page.locator("#curves .y4title").text_content() == "rqi"
    click(page, 1, 1)
    assert plotted(page, 5) == [[], []]
