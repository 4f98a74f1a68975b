"""What an interrupt leaves of a compilation, and what a damaged cache does, is mended."""

import errno
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch._inductor import cpp_builder
from torch.utils import _pytree as pytree

from grok.engine import compiler
from grok.engine.compiled import StackStep
from grok.engine.shared import Common
from grok.errors import UserError

ROOT = Path(__file__).parent.parent.parent
LIBRARY = next(Path(sysconfig.get_config_var("DESTSHARED")).glob("_json*.so"))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and a compiler that hasn't been prepared yet."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cpp_builder, "run_compile_cmd", cpp_builder.run_compile_cmd)
    compiler.prepare.cache_clear()
    yield tmp_path
    compiler.prepare.cache_clear()


def library(cache, name, length=None):
    path = cache / "ab" / f"{name}.main.so"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(LIBRARY.read_bytes()[:length])
    return path


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_part_of_a_library_is_not_whole(share, cache):
    size = LIBRARY.stat().st_size
    assert not compiler.whole(library(cache, "part", int(share * size)))


def test_a_whole_library_is(cache):
    assert compiler.whole(library(cache, "all"))


def test_damaged_libraries_are_removed_unless_somebody_writes_them(cache):
    sound, empty, half = library(cache, "a"), library(cache, "b", 0), library(cache, "c", 5000)
    (cache / "locks").mkdir()
    with FileLock(cache / "locks" / "c.lock"):
        compiler.prepare()
        assert [path.exists() for path in (sound, empty, half)] == [True, False, True]
    compiler.prepare.cache_clear()
    compiler.prepare()
    assert [path.exists() for path in (sound, half)] == [True, False]


def test_what_killed_processes_left_is_removed_in_time(cache):
    new, old = library(cache, ".12.new", 100), library(cache, ".34.old", 100)
    os.utime(old, (0, 0))
    compiler.prepare()
    assert [path.exists() for path in (new, old)] == [True, False]


@pytest.mark.parametrize(("ending", "content"), [("", "whole"), ("; kill -9 $$", None)])
def test_a_library_appears_whole_or_not_at_all(ending, content, cache):
    """The compiler here is a shell that writes to the place after -o, and is killed or not."""
    compiler.prepare()
    command = f"sh -c 'printf whole > \"$2\"{ending}' sh -o {cache}/library.so"
    if content is None:
        with pytest.raises(Exception, match="sh -c"):
            cpp_builder.run_compile_cmd(command, str(cache))
        assert not list(cache.iterdir())
    else:
        cpp_builder.run_compile_cmd(command, str(cache))
        assert [(path.name, path.read_text()) for path in cache.iterdir()] == [
            ("library.so", content)
        ]


class DamageError(RuntimeError):
    __module__ = "torch._inductor.exc"


def failing(monkeypatch, times):
    """A compiler that fails so often, then leaves the step as it is; the caches it was given."""
    caches = []

    def compilable(step, _device):
        def attempt(*arguments):
            caches.append(os.environ["TORCHINDUCTOR_CACHE_DIR"])
            if len(caches) <= times:
                raise DamageError("x.so:\n file too short")
            return step._advance(*arguments)

        return attempt

    monkeypatch.setattr(StackStep, "_compilable", compilable)
    return caches


@pytest.mark.parametrize("times", [1, 2])
def test_what_fails_is_compiled_once_more_with_an_empty_cache(
    times, cache, make_member, stack_of, monkeypatch, caplog
):
    caches = failing(monkeypatch, times)
    member = make_member()
    drawn = member.drawn(torch.float32)
    common = Common((), (True,) * len(pytree.tree_leaves(drawn.given)))
    step = StackStep(drawn.kind(member.task), 1, compiled=True, common=common)
    monkeypatch.setattr("grok.engine.stack.stack_step", lambda *_, **__: step)
    stack = stack_of([member], compiled=True)
    stack.advance(3)
    expected = stack_of([member])
    expected.advance(3)
    for name, param in expected.state.params.items():
        assert torch.equal(stack.state.params[name], param)
    assert caches[0] == str(cache)
    assert caches[1] not in (str(cache), None)
    assert not Path(caches[1]).exists()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(cache)
    (message,) = caplog.messages
    assert "x.so: file too short" in message
    assert str(cache) in message
    assert stack.compiled is (times == 1)
    assert ("compiled anew" in message) is (times == 1)
    assert ("engine.compile=false" in message) is (times == 2)


def start(cache, folder):
    command = [sys.executable, "train.py", "task.width=16", "phase.budget=100"]
    return subprocess.Popen(
        [*command, f"hydra.run.dir={folder}"],
        cwd=ROOT,
        env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_ends_compiled(cache, folder):
    process = start(cache, folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors == ""
    assert json.loads((folder / "result.json").read_text())["compiled"] is True


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_after_one_that_was_killed_while_compiling(kill, tmp_path):
    cache = tmp_path / "cache"
    process = start(cache, tmp_path / "killed")
    while not list(cache.glob("*/*.main.cpp")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(2)
    os.killpg(process.pid, kill)
    process.communicate()
    assert all(compiler.whole(path) for path in cache.glob("*/[!.]*.so"))
    assert_ends_compiled(cache, tmp_path / "next")


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_a_run_with_a_damaged_cache(share, tmp_path):
    cache = tmp_path / "cache"
    assert_ends_compiled(cache, tmp_path / "first")
    libraries = list(cache.glob("*/*.so"))
    assert len(libraries) > 3
    for path in libraries:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert_ends_compiled(cache, tmp_path / "next")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who has chosen no cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    return tmp_path


def test_the_cache_is_the_users_alone(home, monkeypatch):
    """What lies in it is executed; PyTorch's default is a folder that all share."""
    compiler.own_cache()
    cache = home / "grok" / "compiled"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/chosen")
    compiler.own_cache()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/chosen"


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_cache_where_others_may_write_is_refused(mode, home):
    (home / "grok" / "compiled").mkdir(parents=True)
    (home / "grok" / "compiled").chmod(mode)
    with pytest.raises(UserError, match=r"compiled: others may write there, and it is exec"):
        compiler.own_cache()
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


def test_somebody_elses_cache_is_refused(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UserError, match="others may write there"):
        compiler.own_cache()


def test_a_cache_that_cannot_be_made_is_named_and_the_run_goes_on(home, caplog, make_member):
    (home / "grok").touch()
    compiler.prepare.cache_clear()
    with pytest.raises(UserError, match=r"grok/compiled: can't be written \(Not a directory\)"):
        compiler.prepare()
    member = make_member()
    step = StackStep(member.drawn(torch.float32).kind(member.task), 1, True, Common((), ()))
    assert not step.compiled
    (message,) = caplog.messages
    assert "can't be written" in message
    assert "set TORCHINDUCTOR_CACHE_DIR to a folder of yours" in message
    assert "install" not in message
    compiler.prepare.cache_clear()


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "set TORCHINDUCTOR_CACHE_DIR"),
        (OSError(errno.EROFS, "Read-only file system"), "set TORCHINDUCTOR_CACHE_DIR"),
        (ImportError("x.so: failed to map segment from shared object"), "set TORCHINDUCTOR_CACHE"),
        (FileNotFoundError(errno.ENOENT, "g++"), "install a C++ compiler"),
    ],
)
def test_what_to_do_depends_on_what_failed(cause, advice):
    error = RuntimeError("backend raised")
    error.__cause__ = cause
    assert compiler.remedy(error).startswith(advice)
