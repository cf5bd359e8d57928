"""Finds the toolchains that lie where a sandbox shows an empty folder of its own, such as /tmp."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

# folders of a toolchain whose parent holds the rest of it
_PROGRAMS = frozenset({"bin", "sbin"})
_RUNTIME = Path("/run/user")  # below it lie each user's sockets
# where a toolchain says that it lies
_NAMED = ("VIRTUAL_ENV", "CONDA_PREFIX", "GOROOT", "JAVA_HOME", "RUSTUP_HOME", "NVM_DIR")


def toolchains(environ: Mapping[str, str], private: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """Yield each folder below a private place that PATH and its like name, and what it really is.

    All of them are the user's words, none a repository's. None lies in another, so what one holds
    cannot turn the way to the next.
    """
    found: dict[Path, Path] = {}
    shared = {*map(Path, private)}
    for path in sorted(set(_named(environ, shared))):
        place = next((top for top in shared if top in path.parents), None)
        if place is None or path.parent == _RUNTIME or any(up in found for up in path.parents):
            continue
        real = Path(os.path.realpath(path))
        if real.is_dir() and (real == path or place not in real.parents) and _is_no_other(real):
            found[path] = real
    yield from found.items()


def _named(environ: Mapping[str, str], shared: Collection[Path]) -> Iterator[Path]:
    yield Path(sys.prefix)
    for name in _NAMED:
        if environ.get(name, "").startswith("/"):
            yield Path(os.path.normpath(environ[name]))
    for entry in environ.get("PATH", "").split(":"):
        if entry.startswith("/"):
            path = Path(os.path.normpath(entry))
            above = path.parent
            whole = path.name in _PROGRAMS and above not in shared and above.parent != _RUNTIME
            yield above if whole else path


def _is_no_other(path: Path) -> bool:
    """Whether nobody else could have made it: in a shared folder anyone can make a first name."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & stat.S_IWOTH
