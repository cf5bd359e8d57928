"""Trees for tests: made from a description, looked at whole, and driven from other processes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from hypothesis import strategies as st

from agent.checkpoint import Checkpoints
from agent.tree import Limits
from sandbox.plain import Plain

HERE = Path(__file__).parent
UNCONTAINED = Plain(why_not="chosen by the test")

# path -> ("file", mode, content) | ("link", target) | ("folder", mode)
Look = dict[str, tuple[object, ...]]

NAMES = (
    "a",
    "b.py",
    "with space",
    "new\nline",
    "ünïcode",
    "-rf",
    '"quoted"',
    "back\\slash",
    "\\xff",
    os.fsdecode(b"raw-\xff\xfe"),
    ".hidden",
    ".gitattributes",
    "x" * 255,
    "conf.lock",
)
CONTENTS = (
    b"",
    b"plain\n",
    b"no newline",
    b"crlf\r\nmixed\n\r",
    "\ufeffutf-16 \u00e4".encode("utf-16"),
    bytes(range(256)),
    b"$Id$ * text=auto eol=lf ident\n",
    b"0\n1\n" * 300,
)

files = st.tuples(
    st.just("file"), st.sampled_from([0o644, 0o755, 0o600, 0o640, 0o444]), st.sampled_from(CONTENTS)
)
links = st.tuples(st.just("link"), st.sampled_from(["a", "../..", "/nowhere", ".", "new\nline"]))
folders = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), st.one_of(files, links), max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(
            files, links, st.tuples(st.just("folder"), st.sampled_from([0o755, 0o700]), inner)
        ),
        max_size=5,
    ),
    max_leaves=8,
)


def build(root: Path, tree: dict[str, tuple[object, ...]]) -> None:
    """Make `root` hold this tree and nothing else but `.git`."""
    root.mkdir(exist_ok=True)
    for entry in os.scandir(root):
        if entry.name == ".git":
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
    for name, (kind, *rest) in tree.items():
        path = root / name
        if kind == "link":
            path.symlink_to(str(rest[0]))
            continue
        mode = int(str(rest[0]))
        if kind == "file":
            assert isinstance(rest[1], bytes)
            path.write_bytes(rest[1])
        else:
            assert isinstance(rest[1], dict)
            build(path, rest[1])
        path.chmod(mode)


def look(root: Path, *, times: bool = False) -> Look:
    """Return everything that is there, byte for byte; with `times`, when it was changed too."""
    found: Look = {}
    for folder, names, files_ in os.walk(root):
        for name in (*names, *files_):
            path = Path(folder) / name
            status = path.lstat()
            key = str(path.relative_to(root))
            when = (status.st_mtime_ns,) if times else ()
            if stat.S_ISLNK(status.st_mode):
                found[key] = ("link", path.readlink(), *when)
            elif stat.S_ISDIR(status.st_mode):
                found[key] = ("folder", stat.S_IMODE(status.st_mode), *when)
            elif stat.S_ISREG(status.st_mode):
                mode = stat.S_IMODE(status.st_mode)
                found[key] = ("file", mode, path.read_bytes(), *when)
            else:
                found[key] = ("other", stat.S_IFMT(status.st_mode))
    return found


def checkpoints(root: Path, state: Path, limits: Limits | None = None) -> Checkpoints:
    """Return the checkpoints of `root`, with git run by the real process runner."""
    return Checkpoints(root.resolve(), UNCONTAINED, state=state, limits=limits)


def git(folder: Path, *arguments: str) -> str:
    """Run the user's own git."""
    done = subprocess.run(
        ("git", "-c", "user.name=U", "-c", "user.email=u@example.org", *arguments),
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout


def drive(script: str, *arguments: object, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a Python script in a process of its own that can import this project."""
    return subprocess.Popen(
        (*wrapper, sys.executable, "-c", script, *map(str, arguments)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
    )
