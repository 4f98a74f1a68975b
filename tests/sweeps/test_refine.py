"""Which cells are wanted and which are implied: the same whatever finishes first."""

import csv
import random
from importlib import resources

import pytest

from grok.sweeps.refine import Refinement, refine

PUBLISHED = {"re_tug_fig1_regression": (243, 2), "re_tug_fig1_classification": (267, 0)}
"""Of each the cells that are trained of 441, and the implied ones whose phase is another."""


def grid(width, height):
    return [{"y": y, "x": x} for y in range(height) for x in range(width)]


def picture(jobs, numbers):
    """A row of text for each y, # for the jobs of those numbers."""
    chosen = {(jobs[number]["x"], jobs[number]["y"]) for number in numbers}
    height, width = (1 + max(job[key] for job in jobs) for key in "yx")
    return ["".join(".#"[(x, y) in chosen] for x in range(width)) for y in range(height)]


def train(jobs, phases, pick=sorted, failed=()):
    """Train what is wanted until nothing else is, all of it at once or what `pick` picks."""
    known = {}
    while todo := sorted(refine(jobs, known, failed).wanted - known.keys() - {*failed}):
        known |= {job: phases[job] for job in pick(todo)}
    return known, refine(jobs, known, failed).implied


def published(name):
    file = resources.files("grok.analysis.read.published") / f"{name}.csv"
    with file.open() as rows:
        table = list(csv.DictReader(rows))
    return [{key: row[key] for key in ("lr_dec", "wd_dec")} for row in table], [
        row["phase"] for row in table
    ]


def test_every_fourth_cell_and_the_last_come_first():
    jobs = grid(11, 5)
    assert picture(jobs, refine(jobs, {}).wanted) == [
        "#...#...#.#",
        "...........",
        "...........",
        "...........",
        "#...#...#.#",
    ]


def test_where_all_agree_nothing_else_is_trained():
    jobs = grid(9, 9)
    known, implied = train(jobs, ["grokking"] * 81)
    assert sorted(known) == [0, 4, 8, 36, 40, 44, 72, 76, 80]
    assert implied == {job: "grokking" for job in range(81) if job not in known}


def test_along_a_boundary_all_cells_are_trained():
    jobs = grid(9, 9)
    phases = ["memorization" if job["x"] + job["y"] < 6 else "confusion" for job in jobs]
    known, implied = train(jobs, phases)
    assert picture(jobs, known) == [
        "#.#.###.#",
        "...####..",
        "#.#####.#",
        ".####....",
        "#####.#.#",
        "###......",
        "###.#....",
        ".........",
        "#.#.#...#",
    ]
    assert {job: phases[job] for job in implied} == implied
    assert len(known) + len(implied) == 81


def test_a_boundary_is_followed_into_a_square_whose_corners_agree():
    jobs = grid(9, 5)
    island = {(8, 0), (4, 2), (3, 2), (2, 3), (2, 2)}
    phases = ["confusion" if (job["x"], job["y"]) in island else "grokking" for job in jobs]
    known, implied = train(jobs, phases)
    assert picture(jobs, known) == [
        "#...#.###",
        ".#####.##",
        ".######.#",
        ".#####...",
        "#####.#.#",
    ]
    assert {job: phases[job] for job in implied} == implied


@pytest.mark.parametrize("seed", range(8))
def test_order_of_ending_changes_nothing(seed):
    """And nothing that was wanted once is given up."""
    draw = random.Random(seed)
    jobs = grid(draw.randint(1, 10), draw.randint(1, 12))
    draw.shuffle(jobs)
    jobs = jobs[: max(1, len(jobs) - draw.choice([0, 0, 5]))]
    phases = [str((job["x"] * draw.choice([1, 1, 2]) + job["y"]) // 6) for job in jobs]
    known, implied = train(jobs, phases)
    assert known.keys() | implied.keys() == set(range(len(jobs)))
    assert not known.keys() & implied.keys()
    for _ in range(2):
        again, before = {}, set()
        while todo := sorted((now := refine(jobs, again).wanted) - again.keys()):
            assert before <= now
            before = now
            job = draw.choice(todo)
            again[job] = phases[job]
        assert again == known
        assert refine(jobs, again) == Refinement(set(known), implied)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_grids_whatever_ends_first(name):
    jobs, phases = published(name)
    known, implied = train(jobs, phases)
    wrong = sum(phases[job] != phase for job, phase in implied.items())
    assert (len(known), wrong) == PUBLISHED[name]
    assert known.keys() | implied.keys() == set(range(441))
    draw = random.Random(0)
    for pick in (lambda todo: draw.sample(todo, 1 + len(todo) // 2), lambda todo: todo[-9:]):
        assert train(jobs, phases, pick) == (known, implied)


def test_a_line():
    jobs = [{"wd": value} for value in (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5)]
    phases = ["comprehension"] * 5 + ["grokking"] * 5
    assert refine(jobs, {}).wanted == {0, 4, 8, 9}
    known, implied = train(jobs, phases)
    assert sorted(known) == [0, 4, 5, 6, 8, 9]
    assert implied == {1: "comprehension", 2: "comprehension", 3: "comprehension", 7: "grokking"}


def test_values_are_ordered_as_numbers_whatever_their_order_in_the_sweep():
    values = ["1e-3", 10, "1e-1", 1, "1e-2"]
    assert refine([{"lr": value} for value in values], {}).wanted == {0, 1}


@pytest.mark.parametrize(
    ("key", "values"),
    [("seed.model", range(9)), ("task", ["a", "b"]), ("lr_enc", [1, 2, 3]), ("clip", [None, 1.0])],
)
def test_other_keys_are_planes_of_their_own(key, values):
    jobs = [{key: value} | cell for value in values for cell in grid(5, 5)]
    corners = {25 * i + corner for i in range(len(values)) for corner in (0, 4, 20, 24)}
    assert refine(jobs, {}).wanted == corners
    phases = ["confusion"] * 25 + ["grokking"] * (len(jobs) - 25)
    known, implied = train(jobs, phases)
    assert known.keys() == corners
    assert {job: phases[job] for job in implied} == implied


@pytest.mark.parametrize("key", ["seed.data", "activation", "width"])
def test_without_an_axis_all_are_wanted(key):
    values = {"seed.data": [0, 1, 2], "activation": ["tanh", "relu"], "width": [8]}[key]
    jobs = [{key: value} for value in values]
    assert refine(jobs, {}) == Refinement(set(range(len(values))), {})


def test_a_plane_of_some_values_only():
    """Of an axis it has the values that its own jobs have."""
    jobs = [{"seed.model": 0, "x": x} for x in range(5)]
    jobs += [{"seed.model": 1, "x": x} for x in range(20, 29)]
    assert refine(jobs, {}).wanted == {0, 4, 5, 9, 13}


def test_what_missing_cells_would_have_told_is_trained():
    jobs = [job for job in grid(9, 5) if (job["x"], job["y"]) != (4, 4)]
    known, implied = train(jobs, ["grokking"] * len(jobs))
    assert picture(jobs, known) == [
        "#.#.#.#.#",
        ".........",
        "#.#.#.#.#",
        "...###...",
        "#.##.##.#",
    ]
    assert set(implied.values()) == {"grokking"}
    assert len(known) + len(implied) == 44


def test_failed_jobs_tell_nothing_and_stop_nothing():
    jobs = grid(9, 5)
    lacking = next(i for i, job in enumerate(jobs) if (job["x"], job["y"]) == (4, 4))
    known, implied = train(jobs, ["grokking"] * 45, failed=[lacking])
    assert picture(jobs, known)[3:] == ["...###...", "#.##.##.#"]
    assert known.keys() | implied.keys() == set(range(45)) - {lacking}
    assert refine(jobs, known | {lacking: "grokking"}, [lacking]).wanted > known.keys()


def test_what_was_trained_though_not_wanted_counts():
    jobs = grid(5, 5)
    agreeing = dict.fromkeys((0, 4, 20, 24), "grokking")
    now = refine(jobs, agreeing | {12: "confusion"})
    assert picture(jobs, now.wanted) == ["#...#", ".###.", ".###.", ".###.", "#...#"]
    assert 12 not in now.implied


def test_no_jobs():
    assert refine([], {}) == Refinement(set(), {})
