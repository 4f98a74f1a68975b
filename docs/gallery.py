"""Makes published figures and writes docs/figures.md.

    python docs/gallery.py quick                  all of docs/gallery.yaml, at this scale
    python docs/gallery.py paper fig1_regression  some of them
    python docs/gallery.py                        only the page, from what has been made

A figure's runs are in multirun/figures/<scale>/<name>; what has finished there isn't run again.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from gallery_page import FACTS, FILLING, page

from grok.analysis import report
from grok.analysis.options import parse
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "docs" / "figures"
SCALES = ("smoke", "quick", "paper")


def main() -> None:
    """Make the figures asked for, then the page of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", nargs="?", choices=SCALES)
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument(
        "--kept", action="store_true", help="take runs as they are, by whatever version of grok"
    )
    options = parser.parse_args()
    figures = yaml.safe_load((ROOT / "docs" / "gallery.yaml").read_text())
    known = [figure["name"] for figure in figures]
    for name in options.names:
        if name not in known:
            parser.error(f"{name}: no such figure; choose from {', '.join(known)}")
    if options.scale:
        by_name = {figure["name"]: figure for figure in figures}
        for figure in figures:
            if not options.names or figure["name"] in options.names:
                over = by_name[figure["paths"]] if "paths" in figure else None
                make(figure, options.scale, options.kept, over)
    (ROOT / "docs" / "figures.md").write_text(page(figures, FIGURES))


def make(figure: dict[str, Any], scale: str, kept_runs: bool, over: dict[str, Any] | None) -> None:
    """Run a figure's sweep, analyse it, and keep pictures, tables and facts in docs/figures/.

    Args:
        over: the figure whose members are drawn over this one, a landscape.
    """
    for each in filter(None, [over, figure]):
        if not kept_runs:
            train_all(command(each, scale), folder(each, scale))
    sweep, train = folder(figure, scale), command(figure, scale)
    options = [
        *shlex.split(figure.get("analyze", "") * (scale != "smoke")),
        *shlex.split(figure.get("analyze_paper", "") * (scale == "paper")),
    ]
    paths = ["--paths", str(folder(over, scale))] if over else []
    printed = analysed(sweep, *options, *paths)
    if "compare" in figure:
        printed += analysed(sweep, "--compare", figure["compare"])
    kept = FIGURES / figure["name"]
    if SCALES.index(scale) < SCALES.index(kept_scale(kept)):
        print(f"{kept.relative_to(ROOT)} stays, of a larger scale; see {sweep / 'analysis'}")
        return
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    pictures = [f"{name}.png" for name in figure["pictures"]]
    for file in ["grid.csv", *pictures, *figure.get("tables", [])]:
        if (sweep / "analysis" / file).is_file():
            shutil.copy(sweep / "analysis" / file, kept)
    if figure.get("report"):  # hooks.py makes the page of it
        filling = report.filling(read_sweep(sweep, parse([str(sweep), *options]).budget), SAFE)
        (kept / FILLING).write_text(json.dumps(filling, indent=1) + "\n", encoding="utf-8")
    if any(name.startswith("curves") for name in figure["pictures"]):
        curves(sweep).to_csv(kept / "curves.csv", index=False)
    members = pd.read_csv(kept / "grid.csv")
    record = json.loads((sweep / "0" / "result.json").read_text())
    if record["device"] != "cpu":
        train.append("trainer=gpu")
    facts = {
        "scale": scale,
        "command": shlex.join(["python", *train]),
        "analyze": " ".join([*options, *(["--paths <the other sweep>"] if over else [])]),
        "over": shlex.join(["python", *command(over, scale)]) if over else "",
        "members": len(members),
        "trained": int(members["steps"].notna().sum()),
        "steps": int(members["steps"].sum()),
        "revision": record["git_revision"],
        "device": record["device"],
        "cpu": record["cpu"],
        "seconds": spent(sweep),
        "summary": measured(printed),
    }
    (kept / FACTS).write_text(json.dumps(facts, indent=1) + "\n")


def kept_scale(kept: Path) -> str:
    """The scale of what is kept of a figure; the smallest where nothing is."""
    facts = kept / FACTS
    return str(json.loads(facts.read_text())["scale"]) if facts.is_file() else SCALES[0]


def curves(sweep: Path) -> pd.DataFrame:
    """Those of all members, one below the other, with the number of the job."""
    jobs = sorted(int(file.parent.name) for file in sweep.glob("*/curves.csv"))
    tables = [pd.read_csv(sweep / str(job) / "curves.csv").assign(job=job) for job in jobs]
    return pd.concat(tables)[["job", *tables[0].columns.drop("job")]]


def train_all(words: list[str], sweep: Path) -> None:
    """Train what is missing of a sweep, and add the time that it takes to that of before."""
    began, before = time.monotonic(), finished(sweep)
    try:
        subprocess.run([sys.executable, *words, f"hydra.sweep.dir={sweep}"], cwd=ROOT, check=True)
    finally:
        if finished(sweep) > before:
            seconds(sweep).write_text(f"{spent(sweep) + time.monotonic() - began:.0f}\n")


def finished(sweep: Path) -> int:
    """How many members have."""
    return len(list(sweep.glob("*/result.json")))


def seconds(sweep: Path) -> Path:
    """The file beside a sweep's folder with the time that it took, over all times it was begun."""
    return sweep.with_name(f"{sweep.name}.seconds")


def spent(sweep: Path) -> float:
    """Seconds that a sweep took so far; 0 where nobody has counted."""
    file = seconds(sweep)
    return float(file.read_text()) if file.is_file() else 0.0


def folder(figure: dict[str, Any], scale: str) -> Path:
    """Where a figure's runs are."""
    return ROOT / "multirun" / "figures" / scale / figure.get("runs", figure["name"])


def analysed(sweep: Path, *options: str) -> str:
    """What ``analyze.py`` prints of a sweep."""
    words = [sys.executable, "analyze.py", str(sweep), *options]
    done = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def command(figure: dict[str, Any], scale: str) -> list[str]:
    """The words after ``python`` that train a figure at `scale`."""
    experiment, size = f"experiment={figure['experiment']}", f"hydra.sweeper.scale={scale}"
    besides = shlex.split(figure.get(scale, ""))
    return ["train.py", "-m", experiment, "hydra/launcher=stacked", size, *besides]


def measured(output: str) -> str:
    """What ``analyze.py`` printed of the sweep, without where things lie."""
    lines = []
    for line in output.splitlines():
        if "finished" in line or "implied" in line:
            lines.append(line.rpartition("/")[2])
        elif "/analysis/" not in line and not line.startswith("A  "):
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
