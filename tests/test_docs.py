"""The documentation: its site builds, its links lead somewhere, and what it names exists."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from plotly.offline import get_plotlyjs

import grok
from grok.composing import CONF, compose
from grok.record.difference import flat
from grok.record.meaning import role_problems

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NAV = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
KEY = r"`((?:task|data|opt|norm|phase|seed|engine|trainer|weights|callbacks|hydra)\.[\w.]+)"


def paths(nav):
    """The pages of a navigation, whatever they are below."""
    for entry in nav:
        (below,) = entry.values()
        yield from paths(below) if isinstance(below, list) else [below]


def anchors(page):
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs isn't installed; pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built(site):
    pages = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    built = {f"{path.as_posix()}.md" for path in pages if path.name != "report"}
    assert built - {"404.md"} == set(paths(NAV))
    assert (site / "python.ipynb").is_file()
    assert not (site / "gallery.py").exists()


def test_kept_sweeps_have_a_page_to_explore(site):
    kept = [path.relative_to(DOCS) for path in DOCS.rglob("report.json")]
    assert kept
    for path in kept:
        page = (site / path).with_suffix(".html").read_text(encoding="utf-8")
        assert json.loads((DOCS / path).read_text(encoding="utf-8"))["data"] in page
        assert get_plotlyjs() in page
        assert not (site / path).exists()


def test_every_public_name_has_an_entry(site):
    page = (site / "reference" / "functions.html").read_text()
    headings = re.findall(r'<h2 id="[^"]*" class="doc doc-heading">(.*?)<a', page, re.DOTALL)
    entries = {re.sub(r"<.*?>", "", heading).strip() for heading in headings}
    assert {f"grok.{name}" for name in grok.__all__} - entries == set()


def test_pages_fetch_nothing(site):
    for path in site.rglob("*.html"):
        assert re.findall(r'(?:src|rel="stylesheet" href)="(?:https?:)?//', path.read_text()) == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_from_outside_the_site(name):
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text()):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            assert (ROOT / path).is_file(), link
            assert not anchor or anchor in anchors(ROOT / path), link


def test_every_key_that_is_named_exists():
    named = set(re.findall(KEY, (DOCS / "configuration.md").read_text()))
    assert len(named) > 30
    there = set()
    for group in ("task", "opt"):
        for option in sorted(path.stem for path in (CONF / group).glob("*.yaml")):
            cfg = compose(f"{group}={option}", "hydra/launcher=stacked", return_hydra_config=True)
            there |= set(flat(OmegaConf.to_container(cfg)))
    assert named - there == set()


def test_the_roles_of_the_page():
    """Those of its example are of fields, in words."""
    (example,) = re.findall(r"```python\n([^`]*ROLES[^`]*)```", (DOCS / "extending.md").read_text())
    names = {}
    exec(example, names)
    task = names["NoisyLabels"]
    assert list(role_problems("task", task)) == []
    assert task.ROLES == {"init_scale": "initial scale", "noise": "share of wrong labels"}


def test_the_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == grok.__version__
    assert f"## {grok.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()
    titles = [reference["title"] for reference in citation["references"]]
    assert titles == [
        "[Re] Towards Understanding Grokking",
        "Omnigrok: Grokking Beyond Algorithmic Data",
    ]
