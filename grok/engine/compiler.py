"""PyTorch's C++ compiler and its cache of libraries, proof against interrupts and damage."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shlex
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from torch._inductor import config as inductor
from torch._inductor import cpp_builder
from torch._inductor.codecache import get_lock_dir
from torch._inductor.runtime.cache_dir_utils import cache_dir
from torch._inductor.utils import clear_caches

from grok.errors import UserError

CACHE = "TORCHINDUCTOR_CACHE_DIR"
ELF_HEADER = 64  # bytes
ABANDONED = 3600  # seconds
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
ELSEWHERE = f"set {CACHE} to a folder of yours with room, on a disk that may hold programs"


class CompilationError(Exception):
    """Something can't be compiled; its cause says why."""


def from_compiler(error: Exception) -> bool:
    """Whether an exception came out of compilation rather than out of what was compiled."""
    compilers = ("torch._dynamo", "torch._inductor")
    return isinstance(error, CompilationError) or type(error).__module__.startswith(compilers)


def remedy(error: BaseException | None) -> str:
    """What to do about a compilation that failed: the cache's folder, or the compiler."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            return ELSEWHERE
        if "failed to map segment" in str(error):  # a file system without the right to execute
            return ELSEWHERE
        error = error.__cause__ or error.__context__
    return f"install a C++ compiler, or delete its cache in {cache_dir()}"


def own_cache() -> None:
    """Have the cache in a folder that is the user's alone, unless one has been chosen.

    What lies in it is executed. PyTorch's default is in the folder for temporary files, where
    another user of the machine may have put something.

    Raises:
        UserError: it is not the user's alone, or can't be written.
    """
    if CACHE in os.environ:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "grok" / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise UserError(f"{folder}: can't be written ({error.strerror})") from None
    if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        raise UserError(f"{folder}: others may write there, and it is executed; chmod 700 it")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: can't be written")
    os.environ[CACHE] = str(folder)


@functools.cache
def prepare() -> None:
    """Have libraries written whole or not at all, and remove those of the cache that aren't whole.

    PyTorch has the compiler write to a library's final place and takes whatever it finds there:
    what an interrupt has left fails to load, or ends the process, for as long as it is there.

    Raises:
        UserError: there is no cache that can be used.
    """
    own_cache()
    build = cpp_builder.run_compile_cmd

    def build_whole(cmd_line: str, cwd: str) -> None:
        words = shlex.split(cmd_line)
        place = words.index("-o") + 1
        target = Path(cwd, words[place])
        temporary = target.with_name(f".{os.getpid()}.{target.name}")
        words[place] = str(temporary)
        try:
            build(shlex.join(words), cwd)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    if os.name == "posix":  # elsewhere the compiler's words are others
        cpp_builder.run_compile_cmd = build_whole
    for library in Path(cache_dir()).glob("*/[!.]*.so"):
        _remove_unless_whole(library)
    for temporary in Path(cache_dir()).glob("*/.*.so"):
        _remove_if_abandoned(temporary)


def whole(library: Path) -> bool:
    """Whether a library is as long as its header says; elsewhere than on Linux, not empty."""
    with library.open("rb") as file:
        header = file.read(ELF_HEADER)
    if sys.platform != "linux":
        return bool(header)
    if len(header) < ELF_HEADER or not header.startswith(b"\x7fELF"):
        return False
    (sections,) = struct.unpack_from("<Q", header, 40)  # the last part of what a linker writes
    size, count = struct.unpack_from("<HH", header, 58)
    return library.stat().st_size >= int(sections) + int(size) * int(count)


def _remove_unless_whole(library: Path) -> None:
    """Remove a damaged library from the cache, unless another process is about to write it."""
    lock = FileLock(Path(get_lock_dir(), f"{library.name.partition('.')[0]}.lock"), timeout=0)
    with contextlib.suppress(Timeout, FileNotFoundError):
        if not whole(library):
            with lock:
                if not whole(library):
                    library.unlink()


def _remove_if_abandoned(temporary: Path) -> None:
    """Remove what a killed process has left of a library that it was writing."""
    with contextlib.suppress(FileNotFoundError):
        if time.time() - temporary.stat().st_mtime > ABANDONED:
            temporary.unlink()


@contextlib.contextmanager
def fresh_cache() -> Iterator[None]:
    """Compile with an empty cache instead of the usual one, and nothing compiled beforehand."""
    usual = os.environ.get(CACHE)
    with tempfile.TemporaryDirectory(prefix="grok-") as folder:
        os.environ[CACHE] = folder
        clear_caches()
        try:
            with inductor.patch(cpp_cache_precompile_headers=False):
                yield
        finally:
            clear_caches()
            if usual is None:
                del os.environ[CACHE]
            else:
                os.environ[CACHE] = usual
