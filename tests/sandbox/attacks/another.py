"""The suite, run by an ordinary user who has nothing of ours but a copy of what it needs.

Where the project lies below a home that is closed to others, or the interpreter does, both are
copied to a place that is open, and that no sandbox hides.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]
NOBODY = 65534
# setpriv itself still has root's rights when it looks for the program; a shell has not
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("/bin/sh", "-c", 'exec "$0" "$@"'),
)
_HIDDEN = ("/tmp", "/var/tmp", "/run", "/dev/shm")
_PLACES = (PROJECT / ".cache", Path("/var/cache"), Path("/srv"), Path("/home"))
_UNFINISHED = shutil.ignore_patterns("*.pyc.*")  # bytecode that another process is writing
_PACKAGES = ("platformdirs", "pathspec")
_SYSTEM = "/usr/bin/python3"
_TRIES = "import ctypes, sys, platformdirs, pathspec; assert sys.version_info >= (3, 11)"


class NoOther(Exception):
    """The suite cannot be run as another user here, and why."""


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that belongs to the user, and is open to them all the way down."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise NoOther("that needs root and setpriv")
    for place in _PLACES:
        if any(place.is_relative_to(each) for each in _HIDDEN) or not place.parent.is_dir():
            continue
        place.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="wisp-attacks-", dir=place))
        try:
            made.chmod(0o755)
            if _run(["/bin/ls", str(made)], {}).returncode == 0:
                yield made
                return
        finally:
            shutil.rmtree(made)
    raise NoOther(f"no folder that user {NOBODY} can reach, below {_PLACES}")


def run(made: Path, *words: str) -> list[dict[str, Any]]:
    """Run the suite below `made` and return its lines; raises NoOther when that is impossible."""
    for name in ("sandbox", "tests/sandbox"):
        shutil.copytree(PROJECT / name, made / "project" / name, ignore=_UNFINISHED)
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, made / "project" / name)
    for name in ("home", "grounds"):
        (made / name).mkdir()
        os.chown(made / name, NOBODY, NOBODY)
    environ = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(made / "home"),
        "XDG_CACHE_HOME": str(made / "home/cache"),
        "PYTHONPATH": str(made / "project"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    program = [_interpreter(made, environ), "-m", "tests.sandbox.attacks.run"]
    done = _run([*program, str(made / "grounds"), *words], environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _interpreter(made: Path, environ: dict[str, str]) -> str:
    for found in (sys.executable, _SYSTEM):
        if _run([found, "-c", _TRIES], environ).returncode == 0:
            return found
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base, copy = Path(sys.base_prefix), made / "python"
    (copy / "bin").mkdir(parents=True)
    (copy / "lib").mkdir()
    program = shutil.copy(base / "bin" / version, copy / "bin")
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy(library, copy / "lib")
    leave = shutil.ignore_patterns("test", "site-packages", "idlelib", "config-*", "*.pyc.*")
    shutil.copytree(base / "lib" / version, copy / "lib" / version, ignore=leave)
    tried = _run([program, "-c", _TRIES], environ)
    if tried.returncode != 0:
        raise NoOther(f"no Python that user {NOBODY} can run: {tried.stderr.strip()[-200:]}")
    return str(program)


def _run(words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AS_NOBODY, *words], env=environ, cwd="/", capture_output=True, text=True, check=False
    )
