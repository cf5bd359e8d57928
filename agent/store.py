"""The private git directory that holds checkpoints: objects in, objects out, nothing else.

One ref per checkpoint, `refs/wisp/<id>`, on a commit without a parent: its tree is the working
tree, its message says what a git tree cannot (exact modes, empty folders, what was left out). So
dropping a ref frees what only it held. Writing is one `git fast-import`, which takes any file name
and which, killed half-way, leaves nothing that a ref points to.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypedDict

from agent.errors import Failed
from agent.tree import BATCH, Blob, Entry, Manifest, blob_name
from sandbox.base import Command, Limits, Sandbox, SandboxError

CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tcompression = 1
\tprotectNTFS = false
\tprotectHFS = false
\tquotePath = false
[pack]
\tthreads = 1
[gc]
\tauto = 0
[fastimport]
\tunpackLimit = 1
"""
ENVIRONMENT: Mapping[str, str] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
HARDENED = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "protocol.allow=never"),
)
TRUSTED_PATH = "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
PACKS = 64  # more of them are made into one, and all but the newest checkpoints dropped
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_RESERVE = 1 << 20  # bytes; with less free than this and what was sent, a disk counts as full
_LISTED = re.compile(rb"(\d{6}) (?:blob|commit) ([0-9a-f]{40}) +(\d+|-)\t(.+)", re.DOTALL)
# what a kill leaves behind
_STALE = ("objects/pack/tmp_*", "objects/pack/*.keep", "refs/wisp/*.lock", "fast_import_crash_*")


class Extra(TypedDict):
    """What a git tree cannot hold. `modes` has the usual one of each kind under `""`."""

    label: str
    time: float
    files: int
    left_out: list[str]
    empty: list[str]
    modes: dict[str, dict[str, int]]  # "dir" | "file" | "exec" -> path -> permission bits


class Stored(NamedTuple):
    """A checkpoint as it is read back."""

    manifest: Manifest
    extra: Extra


class Base(NamedTuple):
    """The tree that a new one is told as a difference to."""

    tree: str = EMPTY_TREE
    manifest: Mapping[str, Entry] = {}


def quoted(path: str) -> bytes:
    """Return the path as fast-import reads it, whatever bytes it holds."""
    raw = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + raw + b'"'


def _kind(mode: int) -> str:
    """Return under which heading of `Extra.modes` a mode is listed."""
    if stat.S_ISDIR(mode):
        return "dir"
    return "exec" if mode & stat.S_IXUSR else "file"


_GIT_MODES = {"file": 0o100644, "exec": 0o100755}


def describe(manifest: Manifest, label: str, left_out: Sequence[str]) -> Extra:
    """Return what has to be written beside the git tree."""
    usual: dict[str, Counter[int]] = {"dir": Counter(), "file": Counter(), "exec": Counter()}
    inhabited = {path.rpartition("/")[0] for path in manifest}
    listed = [
        (path, entry.mode) for path, entry in manifest.items() if not stat.S_ISLNK(entry.mode)
    ]
    for _, mode in listed:
        usual[_kind(mode)][stat.S_IMODE(mode)] += 1
    modes = {kind: {"": found.most_common(1)[0][0]} for kind, found in usual.items() if found}
    for path, mode in listed:
        if stat.S_IMODE(mode) != modes[_kind(mode)][""]:
            modes[_kind(mode)][path] = stat.S_IMODE(mode)
    return Extra(
        label=label,
        time=time.time(),
        files=sum(not stat.S_ISDIR(entry.mode) for entry in manifest.values()),
        left_out=list(left_out),
        empty=[
            path
            for path, entry in manifest.items()
            if stat.S_ISDIR(entry.mode) and path not in inhabited
        ],
        modes=modes,
    )


class Store:
    """One private git directory. Every method but `lock` wants the lock held.

    Raises Failed, with one line, when git is missing or fails, and when the disk is full.
    """

    def __init__(self, path: Path, sandbox: Sandbox, programs: str, keep: int) -> None:
        self.path = path
        self._keep = keep
        self._sandbox = sandbox
        self._programs = programs

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the store against every other task and process; sweep what a killed one left."""
        try:
            self._lay_out()
            file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failed(
                f"cannot keep checkpoints: {error.strerror}: {self.path}",
                "make it writable, or set XDG_STATE_HOME to a folder that is",
            ) from error
        try:
            while not _locked(file):  # noqa: ASYNC110 another process holds it, not a task
                await asyncio.sleep(0.02)
            self._sweep()
            yield
        finally:
            os.close(file)

    def _sweep(self) -> None:
        """Remove what a command that was killed or failed left behind."""
        for pattern in _STALE:
            for stale in self.path.glob(pattern):
                stale.unlink(missing_ok=True)

    def _lay_out(self) -> None:
        """Make what makes a folder a git directory; without git, so without its templates."""
        refs = self.path / "refs" / "wisp"
        if refs.is_dir() and (self.path / "HEAD").exists():
            return
        refs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)
        (self.path / "objects" / "pack").mkdir(parents=True, exist_ok=True)
        (self.path / "config").write_text(CONFIG)
        (self.path / "HEAD").write_text("ref: refs/heads/none\n")  # last: its presence says done

    def ids(self) -> list[str]:
        """Return the checkpoints, oldest first."""
        return sorted(path.name for path in (self.path / "refs" / "wisp").iterdir())

    def new_id(self) -> str:
        """Return an id that sorts after all others and was never used before."""
        last = self.ids()[-1:]
        number = int(last[0].partition("-")[0]) + 1 if last else 1
        return f"{number:06d}-{secrets.token_hex(3)}"

    def known(self, checkpoint: str) -> str:
        """Return the ref of a checkpoint; raises Failed when there is none of this id."""
        if checkpoint not in self.ids():
            raise Failed(f"no such checkpoint: {checkpoint}")
        return f"refs/wisp/{checkpoint}"

    async def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run one git command on this store and return its output."""
        output = bytearray()
        command = Command(
            argv=(_git(self._programs), f"--git-dir={self.path}", *HARDENED, *arguments),
            cwd=self.path,
            env=ENVIRONMENT,
            stdin=stdin,
            read_only=True,
            writable=(self.path,),
            limits=Limits(wall_s=600.0, file_bytes=None, output_bytes=None),
        )
        try:
            result = await self._sandbox.run(command, output.extend)
        except SandboxError as error:
            raise Failed(f"git cannot be run on the checkpoints: {error}", "try again") from error
        if result.ok:
            return bytes(output)
        disk = os.statvfs(self.path)
        self._sweep()
        said = os.fsdecode(bytes(output[-4096:])).strip().splitlines()
        # git itself may call a full disk a wrong checksum
        full = disk.f_bavail * disk.f_frsize < len(stdin) + _RESERVE
        if full or any(os.strerror(code) in line for line in said for code in FULL_DISK):
            raise no_space(self.path)
        reason = said[-1] if said else f"status {result.exit_code}, signal {result.signal}"
        hint = f"if this stays so, move it away: {self.path}"
        raise Failed(f"git {arguments[0]} failed on the checkpoints: {reason}", hint)

    async def add(self, blobs: Sequence[Blob]) -> None:
        """Store content that a later `commit` names."""
        await self._import([*_blob_stream(blobs), b"done\n"])

    async def commit(
        self, blobs: Sequence[Blob], manifest: Manifest, base: Base, extra: Extra
    ) -> tuple[str, str]:
        """Store the rest of the content and a checkpoint of `manifest`; return its id and tree."""
        checkpoint = self.new_id()
        message = json.dumps(extra).encode()
        stream = list(_blob_stream(blobs))
        stream.append(b"commit refs/wisp/%s\n" % checkpoint.encode())
        stream.append(b"committer Wisp <wisp> %d +0000\n" % int(extra["time"]))
        stream.append(b"data %d\n%s\n" % (len(message), message))
        if base.tree != EMPTY_TREE:
            stream.append(b'M 040000 %s ""\n' % base.tree.encode())
        stream.extend(_difference(base.manifest, manifest))
        stream.append(b'ls ""\ndone\n')
        said = await self._import(stream)
        found = re.fullmatch(rb"040000 tree ([0-9a-f]{40})\t\n", said)
        if found is None:
            raise Failed(f"git fast-import gave no tree: {os.fsdecode(said[:200])}")
        return checkpoint, found[1].decode()

    async def _import(self, stream: Iterable[bytes]) -> bytes:
        return await self.git(
            "fast-import", "--quiet", "--done", "--depth=0", stdin=b"".join(stream)
        )

    async def read(self, checkpoint: str) -> Stored:
        """Return what is in a checkpoint."""
        extra = await self.extra(checkpoint)
        listing = await self.git("ls-tree", "-r", "-l", "-z", "--full-tree", self.known(checkpoint))
        manifest: Manifest = {}
        for path in extra["empty"]:
            manifest[path] = Entry(0)
        for line in listing.split(b"\0")[:-1]:
            found = _LISTED.fullmatch(line)
            if found is None:
                raise Failed(f"checkpoint {checkpoint} cannot be read: {os.fsdecode(line[:200])}")
            mode, sha, size, raw = found.groups()
            manifest[os.fsdecode(raw)] = Entry(int(mode, 8), sha.decode(), int(size))
        return Stored(_with_modes(manifest, extra["modes"]), extra)

    async def extra(self, checkpoint: str) -> Extra:
        """Return what a checkpoint says beside its git tree."""
        commit = await self.git("cat-file", "commit", self.known(checkpoint))
        extra: Extra = json.loads(commit.partition(b"\n\n")[2])
        return extra

    async def contents(self, wanted: Mapping[str, int]) -> AsyncIterator[list[Blob]]:
        """Yield the blobs of these names and sizes in pieces of about BATCH bytes."""
        for names in _pieces(wanted):
            asked = "".join(f"{name}\n" for name in names).encode()
            answer = memoryview(await self.git("cat-file", "--batch", "--buffer", stdin=asked))
            blobs: list[Blob] = []
            start = 0
            for name in names:
                header = b"%s blob %d\n" % (name.encode(), wanted[name])
                if answer[start : start + len(header)] != header:
                    raise Failed(f"content is missing from the checkpoints: {name}")
                start += len(header)
                data = bytes(answer[start : start + wanted[name]])
                if blob_name(data) != name:
                    raise Failed(f"content is damaged in the checkpoints: {name}")
                blobs.append(Blob(name, data))
                start += len(data) + 1
            yield blobs

    async def prune(self) -> None:
        """Drop all but the newest checkpoints, once there are many packs to make into one."""
        if len(list((self.path / "objects" / "pack").glob("*.pack"))) <= PACKS:
            return
        for old in self.ids()[: -self._keep]:
            (self.path / "refs" / "wisp" / old).unlink(missing_ok=True)
        await self.git("repack", "-a", "-d", "-q", "--window=0")


def no_space(path: Path) -> Failed:
    """Return the error of a full disk."""
    return Failed(f"no space left on the disk: {path}", "free some space and try again")


def _git(programs: str) -> str:
    found = shutil.which("git", path=programs)
    if found is None:
        raise Failed("checkpoints need git, and there is none", "install git: apt-get install git")
    return found


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _blob_stream(blobs: Sequence[Blob]) -> Iterator[bytes]:
    for blob in blobs:
        yield b"blob\ndata %d\n" % len(blob.data)
        yield blob.data
        yield b"\n"


def _difference(before: Mapping[str, Entry], after: Manifest) -> Iterator[bytes]:
    """Yield the fast-import lines that make one tree from another, removals first."""
    for path, entry in before.items():
        if entry.sha and (path not in after or not after[path].sha):
            yield b"D " + quoted(path) + b"\n"
    for path, entry in after.items():
        if entry.sha and before.get(path) != entry:
            mode = 0o120000 if stat.S_ISLNK(entry.mode) else _GIT_MODES[_kind(entry.mode)]
            yield b"M %o %s %s\n" % (mode, entry.sha.encode(), quoted(path))


def _with_modes(manifest: Manifest, modes: Mapping[str, Mapping[str, int]]) -> Manifest:
    """Return the manifest with its folders, and every mode as it was."""
    folders: dict[str, None] = {}
    for path, entry in manifest.items():
        above = path if not entry.sha else path.rpartition("/")[0]
        while above and above not in folders:
            folders[above] = None
            above = above.rpartition("/")[0]
    whole: Manifest = {}
    usual = {kind: listed[""] for kind, listed in modes.items()}
    for path in folders:
        whole[path] = Entry(stat.S_IFDIR | modes["dir"].get(path, usual["dir"]))
    for path, entry in manifest.items():
        if stat.S_ISLNK(entry.mode):
            whole[path] = entry._replace(mode=stat.S_IFLNK | 0o777)
        elif entry.sha:
            kind = _kind(entry.mode)
            bits = modes[kind].get(path, usual[kind])
            whole[path] = entry._replace(mode=stat.S_IFREG | bits)
    return whole


def _pieces(wanted: Mapping[str, int]) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for name, length in wanted.items():
        piece.append(name)
        size += length
        if size >= BATCH:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
