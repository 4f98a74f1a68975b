"""``grok-train new-task NAME``: the two files of a task that trains, to be made one's own."""

from __future__ import annotations

import importlib.resources
import importlib.util
import keyword
import re
import shlex
from pathlib import Path

from grok import program
from grok.composing import CONF
from grok.errors import UsageError, UserError
from grok.options import Parser
from grok.printable import show

NEXT = """\
{module} and {options} are there. Next:
  {go}{train} --config-dir conf task={name} opt.lr_dec=1e-3 phase.budget=3000
  {train} -m --config-dir conf task={name} opt.lr_dec=1e-4,1e-3,1e-2 opt.wd_dec=0,1,2 \
phase.budget=3000 hydra/launcher=stacked hydra.sweep.dir=sweeps/{name}
  {analyze} sweeps/{name}"""


def main(words: list[str]) -> None:
    """Write the files that `words` ask for, and print what to type next.

    Raises:
        UsageError: words that make no command, or a name that a task can't have.
        UserError: a file is there already, or can't be written.
    """
    parser = Parser(prog=f"{program.name()} new-task", description=__doc__, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help="of the task: small letters, digits and _")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="where they are written; by default here"
    )
    options = parser.parse_args(words)
    show(write(options.name, options.folder.expanduser()))


def write(name: str, folder: Path) -> str:
    """Write the task `name` to `folder`, ``<name>.py`` and ``conf/task/<name>.yaml``.

    Returns:
        What to type next.

    Raises:
        UsageError, UserError: as `main`.
    """
    module, options = folder / f"{name}.py", folder / "conf" / "task" / f"{name}.yaml"
    title = "".join(part.capitalize() for part in name.split("_"))
    _check_name(name)
    if options.parent.resolve() == CONF / "task":
        raise UsageError(
            f"new-task {name}: grok's own files are here; go to a folder of yours, or add --folder"
        )
    for path in (module, options):
        if path.exists():
            raise UserError(f"{path}: is there already; choose another name or --folder")
    _check_free(name, title)
    try:
        for path in (module, options):
            text = _template(path.suffix).replace("NewTask", title).replace("new_task", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(text)
    except OSError as error:
        raise UserError(
            f"{error.filename}: can't write there ({error.strerror}); choose another --folder"
        ) from None
    go = "" if folder == Path() else f"cd {shlex.quote(str(folder))}\n  "
    commands = {"train": program.name(), "analyze": shlex.join(program.analysis())}
    return NEXT.format(module=module, options=options, name=name, go=go, **commands)


def _template(suffix: str) -> str:
    return importlib.resources.files("grok.templates").joinpath(f"new_task{suffix}").read_text()


def _check_name(name: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*[a-z0-9]", name) or keyword.iskeyword(name):
        raise UsageError(
            f"new-task {name}: a name is of small letters, digits and _, such as sparse_parity"
        )


def _check_free(name: str, title: str) -> None:
    """Refuse the name of a module, a task or a class that would be taken for the new one."""
    module = importlib.util.find_spec(name) is not None
    task = (CONF / "task" / f"{name}.yaml").exists()
    if module or task or re.search(rf"\b{title}\b", _template(".py")):
        raise UsageError(
            f"new-task {name}: there is a module, a task or a class of that name; choose another"
        )
