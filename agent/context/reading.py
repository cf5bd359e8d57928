"""What the index keeps of one source, read in one go: the digest and the tags are of these bytes.

In numbers and bytes already, so that another process can do it and the one that writes the index
has little left to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from array import array
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from agent.context.tags import tags_of
from sandbox.workspace import PathError, Workspace
from tools.textfile import NotText, TextFile

MAX_BYTES = 400_000  # of one source
MANY = 400  # sources, below which the start of children costs more than it saves
SHORT = 3.0  # seconds, in which the start of children does not pay
MOST = 4  # children; what they say is written by one
WORDS = 1_000_000  # that a reader remembers
RACY_NS = 2_000_000_000  # a file written so shortly before it was read is looked at again

Stale = Sequence[tuple[str, bytes]]
"""Paths of sources, each with the digest of its content as it was, empty of a new one."""
Row = tuple[int, str, str, int, int, str, float]
"""A definition: the number of its short name, name, kind, first and last line, head, pull."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says. `changed` is its time in nanoseconds, 0 where it may change unseen.

    `words` has the numbers of its words, `uses` how often each stands in it, `code` how often
    outside of comments and strings. `new` are words that this reader met for the first time. Where
    the content is as it was, `same`, there is nothing of these.
    """

    path: str
    changed: int
    digest: bytes
    same: bool = False
    words: bytes = b""
    uses: bytes = b""
    code: bytes = b""
    definitions: tuple[Row, ...] = ()
    new: tuple[tuple[int, str], ...] = ()


def key(word: str) -> int:
    """Return the number that stands for a word."""
    digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Reader:
    """Reads sources of one workspace; raises nothing for what cannot be read, which says nothing.

    A word is told as new when it is met first, and perhaps later once more.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._keys: dict[str, int] = {}

    def read(self, path: str, digest: bytes) -> Said:
        """Read one; `digest` is of its content as it was, empty where it was not there."""
        changed, data, text = self._bytes(path)
        now = hashlib.blake2b(data, digest_size=16).digest()
        if now == digest:
            return Said(path, changed, now, same=True)
        tags = tags_of(path, text)
        new: list[tuple[int, str]] = []
        words = array("q", [self._key(word, new) for word in tags.words])
        code = array("I", [tags.code.get(word, 0) for word in tags.words])
        rows = tuple(
            (self._key(d.short, new), d.name, d.kind, d.line, d.end, d.head, d.pull)
            for d in tags.definitions
        )
        uses = array("I", tags.words.values())
        counts = (words.tobytes(), uses.tobytes(), code.tobytes())
        return Said(path, changed, now, False, *counts, rows, tuple(new))

    def _bytes(self, path: str) -> tuple[int, bytes, str]:
        """Return when a file was written, its bytes, and these as text.

        Nothing of a large one, nor of a link: what it leads to is read under its own name.
        """
        changed, size = self._workspace.stamp(path)
        if time.time_ns() - changed < RACY_NS:
            changed = 0
        if not 0 <= size <= MAX_BYTES:
            return changed, b"", ""
        try:
            view = self._workspace.read(path, MAX_BYTES)
            # it may have grown meanwhile
            return changed, view.data, "" if view.truncated else TextFile.decode(view.data).text
        except PathError:
            return changed, b"", ""
        except NotText:
            return changed, view.data, ""

    def _key(self, word: str, new: list[tuple[int, str]]) -> int:
        found = self._keys.get(word)
        if found is None:
            if len(self._keys) >= WORDS:
                self._keys.clear()
            found = self._keys[word] = key(word)
            new.append((found, word))
        return found


def read(
    workspace: Workspace, stale: Stale, until: float, cores: Callable[[], int]
) -> Generator[Said, None, None]:
    """Yield what sources say, in any order, until a time of the monotonic clock.

    What is not read by then is left out. Where there is much to read, several processes do it, one
    for each of the free `cores`.
    """
    much = len(stale) >= MANY and until - time.monotonic() > SHORT
    # another kind of workspace may read from elsewhere than its root
    children = min(MOST, cores()) if much and type(workspace) is Workspace else 1
    if children > 1:
        from agent.context.readers import together  # brings what starts processes

        with contextlib.suppress(OSError):  # no process can be had
            yield from together(workspace, stale, until, children)
            return
    reader = Reader(workspace)
    for path, digest in stale:
        if time.monotonic() >= until:
            return
        yield reader.read(path, digest)
