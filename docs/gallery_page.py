"""docs/figures.md: what was claimed of each figure, what came out, and how far they agree."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

FACTS = "facts.json"
FILLING = "report.json"
"""What fills the page to explore, ``report.html`` in the site."""
ROUNDING = 1e-9
"""By which a number may be beyond a bound that it is meant to lie on: 0.1 + 0.2 is over 0.3."""
OVERVIEW = ("figure", "scale", "cells", "member-steps", "wall time", "on", "agreement")
HEAD = """# Figures

Every published figure that grok makes so far: the command, what it gave here at the scale stated,
and what the paper says. `make figures SCALE=quick` makes all of them, `FIGURES="fig2 fig6"` some;
this page is written by `docs/gallery.py`.
"""


def page(figures: list[dict[str, Any]], folder: Path) -> str:
    """The text of docs/figures.md: the figures of which `folder` holds the facts."""
    made = [figure for figure in figures if (folder / figure["name"] / FACTS).is_file()]
    sections = [section(figure, folder / figure["name"]) for figure in made]
    return "\n".join([HEAD, overview(made, folder), *sections])


def overview(figures: list[dict[str, Any]], folder: Path) -> str:
    """Tables of the figures that have been made: the published ones, and the others."""
    facts = {one["name"]: json.loads((folder / one["name"] / FACTS).read_text()) for one in figures}
    published = [figure for figure in figures if figure.get("published", True)]
    others = [figure for figure in figures if figure not in published]
    lines = []
    for head, some in (([], published), (["Not in the papers:", ""], others)):
        rows = [_row(one, facts[one["name"]], folder / one["name"]) for one in some]
        lines += [*head, *_table(OVERVIEW, rows), ""] if rows else []
    own = [facts[figure["name"]] for figure in figures if "runs" not in figure]
    if total := sum(each.get("seconds", 0.0) for each in own):
        lines += [
            f"Wall time is {clock(total)} in all, where the command was timed; elsewhere the table "
            "has what the steps took, of all processes together.",
            "",
        ]
    return "\n".join(lines)


def _row(figure: dict[str, Any], facts: dict[str, Any], kept: Path) -> tuple[str, ...]:
    return (
        figure["title"],
        facts["scale"],
        f"{facts['members']:,}",
        f"{facts['steps']:,}",
        clock(facts.get("seconds", 0.0)) or f"{clock(_of_steps(kept))} of steps",
        facts.get("device", "cpu").replace("cpu", "CPU"),
        agreement(facts["summary"]) or met(verdicts(figure, kept, facts["scale"])),
    )


def _of_steps(kept: Path) -> float:
    """Seconds that steps took, all processes together, where nobody has timed the command."""
    table = pd.read_csv(kept / "grid.csv")
    return float(table["wall_seconds"].sum()) if "wall_seconds" in table else 0.0


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """As Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def clock(seconds: float) -> str:
    """In minutes, from two hours on in hours; nothing where it wasn't measured."""
    if not seconds:
        return ""
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def agreement(summary: str) -> str:
    """The cells of equal phase that a comparison has printed, if there was one."""
    found = re.search(r"^equal +(\d+ of \d+, [\d.]+)%", summary, re.MULTILINE)
    return f"{found[1]} %" if found else ""


def section(figure: dict[str, Any], kept: Path) -> str:
    """A figure's part of the page."""
    facts = json.loads((kept / FACTS).read_text())
    who = "The paper" if figure.get("published", True) else "Not in the papers"
    lines = [f"## {figure['title']}", "", f"{who}: {figure['claim'].strip()}", ""]
    if found := figure.get(f"found_{facts['scale']}"):
        lines += [f"Found here: {found.strip()}", ""]
    lines += ["```bash", facts["command"]]
    if facts.get("over"):
        lines.append(facts["over"])
    if facts.get("analyze"):
        lines.append(f"python analyze.py multirun/<date>/<time> {facts['analyze']}")
    trained = facts.get("trained", facts["members"])
    members = "1 member" if trained == 1 else f"{trained} members"
    lines += ["```", ""]
    lines += [
        f"Here, at scale {facts['scale']}: {members}, {facts['steps']:,} "
        f"member-steps, revision {(facts['revision'] or 'unknown')[:7]}, "
        f"on {named(facts.get('device', 'cpu'))}.",
        "",
        "```",
        facts["summary"],
        "```",
        "",
    ]
    if facts["scale"] != "paper" and "paper_takes" in figure:
        lines += [f"At the paper's scale: {figure['paper_takes'].strip()}", ""]
    if found := verdicts(figure, kept, facts["scale"]):
        lines += [*_table(("claimed", "paper", "here", "verdict"), found), ""]
    for name in figure["pictures"]:
        if (kept / f"{name}.png").is_file():
            lines += [f"![{figure['title']}: {name}](figures/{figure['name']}/{name}.png)", ""]
    if (kept / FILLING).is_file():
        lines += [
            f"All of it as [a page to explore](figures/{figure['name']}/report.html) "
            "in the built documentation (`make docs`).",
            "",
        ]
    for name in figure.get("tables", []):
        if (kept / name).is_file():
            lines += [markdown(pd.read_csv(kept / name)), ""]
    return "\n".join(lines)


def verdicts(figure: dict[str, Any], kept: Path, scale: str) -> list[tuple[str, str, str, str]]:
    """Of each number of a claim: what it is, what the paper has, what came out, and a verdict."""
    found = []
    for value in figure.get("values", []):
        if value.get("scale", scale) != scale:
            continue
        table = pd.read_csv(kept / value["table"])
        table = table[table.eval(value["among"])] if "among" in value else table
        column = pd.Series(table.eval(value["column"]), index=table.index)  # one number, maybe
        if not value.get("missing", False) and _unknown(table, value["column"]):
            column[:] = math.nan
        rows = table.eval(value["where"]) if "where" in value else slice(None)
        here = float(column[rows].mean(skipna=False))
        if "over" in value:
            here /= float(column[table.eval(value["over"])].mean(skipna=False))
        low, high = value.get("from", -math.inf), value.get("to", math.inf)
        beyond = max(low - here, here - high)
        verdict = "met" if beyond <= ROUNDING * max(1, abs(here)) else f"not met, by {beyond:.3g}"
        if math.isnan(here):
            verdict = "not met: there is none"
        bounds = [f"{word} {value[word]:g}" for word in ("from", "to") if word in value]
        found.append(
            (value["says"], f"{value['paper']} ({' '.join(bounds)})", f"{here:.4g}", verdict)
        )
    return found


def _unknown(table: pd.DataFrame, expression: str) -> bool:
    """Whether an aggregate of an expression would leave out rows, as pandas does where none is."""
    if not re.search(r"\.(min|max|mean|sum)\(", expression):
        return False
    names = [
        name
        for name in map(str, table)
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", expression)
    ]
    return bool(table[names].isna().any(axis=None))


def met(found: list[tuple[str, str, str, str]]) -> str:
    """How many of the numbers are as claimed."""
    if not found:
        return ""
    return f"{sum(verdict == 'met' for *_, verdict in found)} of {len(found)} values met"


def named(device: str) -> str:
    """A record's device in words."""
    return "a CPU" if device == "cpu" else f"one {device}"


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, numbers to four digits, columns of nothing left out."""
    shown = table.dropna(axis="columns", how="all")
    rows = [tuple(_text(value) for value in row) for row in shown.itertuples(index=False)]
    return "\n".join(_table(tuple(map(str, shown.columns)), rows))


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
