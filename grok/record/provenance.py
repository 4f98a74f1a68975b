"""Where a result comes from: versions, commits and the machine."""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import grok

PACKAGES = ("torch", "lightning", "hydra-core", "numpy")
OWN = Path(grok.__file__).parent
"""The folder of grok's own modules."""
CODE = (":/*.py", ":/*.cpp", ":/conf/*", ":/*/conf/*")
"""Of a checkout; notes and results beside it change no number."""
PATIENCE = 20
"""Seconds that git may take; of a large repository with much in it, it may need more."""


@functools.cache
def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {
        "grok": grok.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


@functools.cache
def git_revision() -> str | None:
    """The commit of grok's own checkout, see `revision`; None where grok is installed otherwise.

    The repository of whoever has installed grok somewhere below it isn't grok's.
    """
    return revision(OWN) if _git(OWN.parent, "rev-parse", "--show-prefix") == "" else None


@functools.cache
def origin(kind: type) -> dict[str, str | None]:
    """Where a class comes from that isn't grok's own: empty for one that is.

    Keys: ``module``, ``package`` and its ``version`` where it is of an installed one, and the
    ``revision`` of the checkout that the module's file lies in.
    """
    module = kind.__module__
    top = module.partition(".")[0]
    if top == grok.__name__:
        return {}
    package = next(iter(packages_distributions().get(top, [top])))
    file = getattr(sys.modules[module], "__file__", None)
    try:
        its_version: str | None = version(package)
    except PackageNotFoundError:
        its_version = getattr(sys.modules[top], "__version__", None)
    return {
        "module": module,
        "package": package,
        "version": its_version,
        "revision": revision(Path(file).parent) if file else None,
    }


def revision(folder: Path) -> str | None:
    """The commit checked out in `folder`; None where git tracks nothing there.

    With ``-dirty`` where a file of the checkout is changed, or one of `CODE` is new.
    """
    if not _git(folder, "ls-files"):
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "--", *CODE)
    return f"{commit}-dirty" if commit and (changed or new) else commit


@functools.cache
def cpu() -> str:
    """The model of the CPU, or what kind it is."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:  # not on Linux
        named = _run(["sysctl", "-n", "machdep.cpu.brand_string"])  # on macOS
        return named or platform.processor() or platform.machine()
    return platform.machine()


def _git(folder: Path, *words: str) -> str | None:
    return _run(["git", "--no-optional-locks", "-C", str(folder), *words])


def _run(command: list[str]) -> str | None:
    """What a command prints; None where it fails or there is none."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=PATIENCE, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
