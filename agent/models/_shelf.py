"""Cells of a KV cache that are out of use: a tree of prefixes, in memory and in a folder.

A node holds the tokens that follow its parent's, and the cells computed for them; so what several
prompts begin with is kept once. What is to last is written to the folder, where the next process
with the same model finds it. To read a prompt takes seconds, to get its cells back milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]

MEMORY = 256 << 20  # bytes of cells that are in memory alone
DISK = 1 << 30  # bytes of all files, those of other models too
_MAGIC = b"wispkv1\n"
_HEAD = struct.Struct("<8sII16s")  # magic, count of tokens, checksum of the cells, parent's name
_SUFFIX = ".kv"


@dataclass(eq=False, slots=True)
class Node:
    """Tokens after those of the parent, and their cells; None for cells in the node's file.

    The `name` is the same for the same tokens, counted from the beginning of the prompt.
    """

    name: bytes
    tokens: Tokens
    parent: Node | None = None
    cells: bytes | None = None
    lasting: bool = False
    used: int = 0
    children: list[Node] = field(default_factory=list)

    def way(self) -> list[Node]:
        """Return the nodes from the first after the root down to this one."""
        found, node = [], self
        while node.parent is not None:
            found.append(node)
            node = node.parent
        return found[::-1]


Step = tuple[Node, int]
"""A node, and how many of its tokens count: of the last one in a way perhaps not all."""


def common(one: Sequence[int] | Tokens, other: Sequence[int] | Tokens) -> int:
    """Return how many tokens both begin with."""
    size = min(len(one), len(other))
    differ = np.flatnonzero(np.asarray(one[:size]) != np.asarray(other[:size]))
    return int(differ[0]) if len(differ) else size


class Shelf:
    """The tree. With a `folder`, which is this model's alone, what is lasting is kept there.

    The folder holds what the user's sessions said, as tokens: it is made for the user only. A file
    that is torn, another's or gone counts as none.
    """

    def __init__(self, folder: Path | None, memory: int = MEMORY, disk: int = DISK) -> None:
        self._root = Node(_name([]), np.empty(0, np.int32))
        self._memory = memory
        self._disk = disk
        self._folder = folder
        self._seen = 0  # when the folder had changed last as it was looked at
        self._clock = itertools.count(1)
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder.parent.chmod(0o700)
            except OSError:
                self._folder = None

    @property
    def lasts(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    def find(self, tokens: Sequence[int] | Tokens) -> list[Step]:
        """Return the way that has most of what the tokens begin with."""
        self._look()
        wanted = np.asarray(tokens, np.int32)
        way: list[Step] = []
        node = self._root
        while node.children:
            shared = [(common(child.tokens, wanted), child) for child in node.children]
            count, best = max(shared, key=lambda each: each[0])
            if not count:
                break
            way.append((best, count))
            best.used = next(self._clock)
            if count < len(best.tokens):
                break
            wanted, node = wanted[count:], best
        return way

    def cells(self, node: Node) -> bytes:
        """Return a node's cells; empty for one that is lost, which is no node any more."""
        if node.cells is not None:
            return node.cells
        cells = self._read(node)
        if not cells:
            self._remove(node)
        return cells

    def add(
        self, after: Node | None, tokens: Sequence[int] | Tokens, cells: bytes, *, lasting: bool
    ) -> Node:
        """Put tokens and their cells after a node, or at the beginning."""
        parent = after or self._root
        own = np.asarray(tokens, np.int32)
        before = [node.tokens for node in parent.way()]
        node = Node(_name([*before, own]), own, parent, cells, lasting, next(self._clock))
        parent.children.append(node)
        self._make_room(node)
        return node

    def split(self, node: Node, count: int, head: bytes, tail: bytes) -> Node:
        """Make two of a node, after so many of its tokens; return the first of them."""
        assert node.parent is not None and 0 < count < len(node.tokens)
        node.parent.children.remove(node)
        first = self.add(node.parent, node.tokens[:count], head, lasting=node.lasting)
        node.tokens, node.cells, node.parent = node.tokens[count:], tail, first
        first.children.append(node)
        return first

    def last(self, way: Sequence[Node]) -> None:
        """Let these nodes outlast the process."""
        for node in way:
            node.lasting = True

    def save(self) -> None:
        """Write what is to last and is in no file yet; where that fails it stays in memory."""
        if self._folder is None:
            return
        wrote = False
        for node in list(self._nodes()):
            if node.lasting and node.cells is not None:
                try:
                    self._write(node)
                except OSError:
                    return
                node.cells, wrote = None, True
        if wrote:
            self._sweep()

    def touch(self, way: Sequence[Node]) -> None:
        """Note for every process that these were wanted, the first of them last."""
        for node in reversed(way):
            if self._folder is not None and node.cells is None:
                with contextlib.suppress(OSError):
                    os.utime(self._file(node))

    # -- in memory

    def _nodes(self) -> Iterator[Node]:
        """Yield every node, parents first."""
        waiting = list(self._root.children)
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children

    def _make_room(self, new: Node) -> None:
        """Forget what was not used for longest, as far as only memory holds it."""
        while sum(len(node.cells or b"") for node in self._nodes()) > self._memory:
            kept = set(map(id, new.way()))
            ends = [n for n in self._nodes() if n.cells and not n.children and id(n) not in kept]
            if not ends:
                return
            self._remove(min(ends, key=lambda node: node.used))

    def _remove(self, node: Node) -> None:
        if node.parent is not None and node in node.parent.children:
            node.parent.children.remove(node)

    # -- in the folder

    def _file(self, node: Node) -> Path:
        assert self._folder is not None
        return self._folder / (node.name.hex() + _SUFFIX)

    def _write(self, node: Node) -> None:
        assert self._folder is not None and node.cells is not None and node.parent is not None
        head = _HEAD.pack(_MAGIC, len(node.tokens), zlib.crc32(node.cells), node.parent.name)
        made = self._folder / f"{node.name.hex()}.{os.getpid()}.new"
        try:
            with os.fdopen(
                os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as file:
                file.write(head + node.tokens.tobytes())
                file.write(node.cells)
            made.replace(self._file(node))
        except OSError:
            made.unlink(missing_ok=True)
            raise

    def _read(self, node: Node) -> bytes:
        """Return the cells of a node from its file; empty where it is not what it was."""
        assert node.parent is not None
        try:
            with self._file(node).open("rb") as file:
                found = _opening(file.read(_HEAD.size + node.tokens.nbytes))
                cells = file.read()
        except OSError:
            return b""
        if found is None or found[0] != node.parent.name or zlib.crc32(cells) != found[1]:
            return b""
        return cells if np.array_equal(found[2], node.tokens) else b""

    def _look(self) -> None:
        """Take in what processes have written since the folder was looked at last."""
        if self._folder is None:
            return
        try:
            changed = self._folder.stat().st_mtime_ns
            if changed == self._seen:
                return
            files = list(self._folder.glob(f"*{_SUFFIX}"))
        except OSError:
            return
        self._seen = changed
        known = {node.name: node for node in self._nodes()}
        known[self._root.name] = self._root
        new: dict[bytes, tuple[bytes, Tokens]] = {}
        for path in files:
            with contextlib.suppress(OSError, ValueError):
                name = bytes.fromhex(path.stem)
                if name not in known and (found := _opening(_begin(path))):
                    new[name] = (found[0], found[2])
        while ready := [name for name, (parent, _) in new.items() if parent in known]:
            for name in ready:
                above, tokens = new.pop(name)
                node = Node(name, tokens, known[above], lasting=True)
                known[above].children.append(node)
                known[name] = node

    def _sweep(self) -> None:
        """Delete the files that were not wanted for longest, until the rest is small enough."""
        assert self._folder is not None
        found = []
        for path in self._folder.parent.glob("*/*"):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime_ns, about.st_size, path))
        size = sum(each[1] for each in found)
        for _, bytes_, path in sorted(found):
            if size <= self._disk:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            size -= bytes_


def _name(parts: Sequence[Tokens]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.tobytes())
    return digest.digest()


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return b""
        return head + file.read(4 * int(_HEAD.unpack(head)[1]))


def _opening(data: bytes) -> tuple[bytes, int, Tokens] | None:
    """Return the parent's name, the checksum and the tokens that a file begins with."""
    if len(data) < _HEAD.size:
        return None
    magic, count, checksum, parent = _HEAD.unpack_from(data)
    if magic != _MAGIC or not count or len(data) != _HEAD.size + 4 * count:
        return None
    return parent, checksum, np.frombuffer(data, np.int32, count, _HEAD.size)
