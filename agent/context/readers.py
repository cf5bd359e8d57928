"""Reads many sources by several processes.

tree-sitter keeps the interpreter's lock while it parses, so threads do not help. A child has no
terminal and no signal of ours, writes nothing, and ends with its standard input. Where one dies
over a source, that source says nothing, and another child takes what is left.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.context.reading import Said, Stale
from agent.models._frames import HEAD, length, packed
from sandbox.process import start_detached
from sandbox.protected import HOME_FOLDERS, NAMED_SECRETS
from sandbox.workspace import Workspace

AT_ONCE = 16  # sources that a child is asked for together; it has twice as many before it
DEATHS = 5  # of children, after which the rest is left for another time
LARGEST = 64 << 20  # bytes of an answer; nothing of ours has as many
# what a child may see: how to start, and where secrets are that it must leave alone
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", *HOME_FOLDERS.values(), *NAMED_SECRETS)


class _Gone(Exception):
    """A child ended, or said what none of ours says."""


class _Child:
    """One process that reads, what it was asked for, and what of its answers is not whole yet."""

    def __init__(self, workspace: Workspace) -> None:
        """Start it; raises OSError."""
        program = Path(__file__).with_name("_reads.py")
        self.answers, theirs = os.pipe()
        try:
            self._process = start_detached(
                (sys.executable, "-I", str(program)), environment(os.environ), pass_fds=(theirs,)
            )
        except BaseException:
            os.close(self.answers)
            raise
        finally:
            os.close(theirs)
        assert self._process.stdin is not None, "a pipe, as asked for"
        self.requests = self._process.stdin.fileno()
        os.set_blocking(self.requests, False)
        os.set_blocking(self.answers, False)
        root = os.fsencode(workspace.root).hex()
        self.asked: deque[tuple[str, bytes]] = deque()
        self._unsent = bytearray(packed({"root": root, "answer": theirs, "parent": os.getpid()}))
        self._unread = bytearray()

    def ask(self, part: Sequence[tuple[str, bytes]]) -> None:
        """Ask for some more sources."""
        self.asked += part
        self._unsent += packed({"read": [(path, digest.hex()) for path, digest in part]})
        self.send()

    def send(self) -> bool:
        """Send what it takes; return whether that was all. Raises _Gone."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self.requests, self._unsent)]
        except BlockingIOError:
            return False
        except OSError:
            raise _Gone from None
        return True

    def said(self) -> Iterator[Said]:
        """Yield the answers that came; raises _Gone where no more will come."""
        try:
            while data := os.read(self.answers, 1 << 18):
                self._unread += data
                yield from self._whole()
        except BlockingIOError:
            return
        raise _Gone

    def _whole(self) -> Iterator[Said]:
        at = 0
        while len(self._unread) - at >= HEAD:
            size = length(self._unread[at : at + HEAD])
            if size > LARGEST or not self.asked:
                raise _Gone
            if len(self._unread) - at - HEAD < size:
                break
            said = _said(self.asked[0][0], self._unread[at + HEAD : at + HEAD + size])
            at += HEAD + size
            self.asked.popleft()
            yield said
        del self._unread[:at]

    def close(self) -> None:
        """End it at once: it has nothing of its own to lose."""
        self._process.kill()
        assert self._process.stdin is not None, "as above"
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        os.close(self.answers)
        self._process.wait()


def together(workspace: Workspace, stale: Stale, until: float, count: int) -> Iterator[Said]:
    """Yield what sources say, in any order, read by `count` children.

    They are ended at a time of the monotonic clock. What is not read by then is left out; so is
    what is left where children keep dying. Raises OSError where none can be started.
    """
    waiting = deque(stale)
    deaths = 0
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as stack:
        children: set[_Child] = set()

        def start() -> None:
            child = _Child(workspace)
            stack.callback(child.close)
            children.add(child)
            ready.register(child.answers, selectors.EVENT_READ, child)
            ready.register(child.requests, selectors.EVENT_WRITE, child)

        def lost(child: _Child) -> Iterator[Said]:
            """Take back what a child was asked for, but for the source that it died over."""
            children.discard(child)
            ready.unregister(child.answers)
            with contextlib.suppress(KeyError):
                ready.unregister(child.requests)
            if child.asked:
                path, _ = child.asked.popleft()
                yield Said(path, workspace.changed_ns(path), b"\0")
            waiting.extend(child.asked)

        start()
        with contextlib.suppress(OSError):  # no more can be had: those that there are go on
            for _ in range(count - 1):
                start()
        while children and time.monotonic() < until:
            if not waiting and not any(child.asked for child in children):
                return
            for found, _ in ready.select(min(1.0, max(0.0, until - time.monotonic()))):
                child: _Child = found.data
                try:
                    if found.fd == child.answers:
                        yield from child.said()
                    if len(child.asked) <= AT_ONCE and waiting:
                        part = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
                        child.ask(part)
                    if child.send():
                        with contextlib.suppress(KeyError):
                            ready.unregister(child.requests)
                    elif child.requests not in ready.get_map():
                        ready.register(child.requests, selectors.EVENT_WRITE, child)
                except _Gone:
                    yield from lost(child)
                    deaths += 1
                    if deaths < DEATHS:
                        with contextlib.suppress(OSError):
                            start()
                    break


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what a child sees of our environment."""
    return {
        name: value
        for name, value in ours.items()
        if name in _PASSED or name.startswith(("XDG_", "LC_"))
    }


def _said(path: str, answer: bytearray) -> Said:
    """Read an answer; raises _Gone for what is none."""
    try:
        told = json.loads(answer)
        changed, digest = int(told["changed"]), bytes.fromhex(told["digest"])
        if told.get("same"):
            return Said(path, changed, digest, same=True)
        words, uses, code = (base64.b64decode(each) for each in told["counts"])
        if not len(words) == 2 * len(uses) == 2 * len(code):
            raise _Gone
        rows = tuple(tuple(each) for each in told["definitions"])
        new = tuple((number, word) for number, word in told["new"])
        return Said(path, changed, digest, False, words, uses, code, rows, new)
    except (KeyError, TypeError, ValueError):
        raise _Gone from None
