"""Lands a change and tells the problems that came with it, none of those that were there before.

What was there before is asked of the old content, once for each file: afterwards it is known from
the last change. Without a checker of the project's, pyflakes in our own process tells of Python.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tools import problems
from tools.base import ToolContext
from tools.diagnostics import compare
from tools.diagnostics.base import Checker, Finding
from tools.diagnostics.compare import quoted
from tools.diagnostics.project import Asked, asked
from tools.diagnostics.running import run
from tools.diagnostics.servers import Server
from tools.diagnostics.serving import consult
from tools.files import Change, land
from tools.truncate import cut_line

MOST = 8  # problems that are told
WIDTH = 240  # characters of one

_Found = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """What came with a change: sentences of our own, and lines of checkers for the end.

    `grave` are those of the lines that say what is wrong wherever it stands; `notes` are about
    checkers that are not asked again.
    """

    sentences: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    grave: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """What the change broke."""
        return (*self.sentences, *self.grave)

    @property
    def told(self) -> str:
        """What stands at the end of an answer."""
        return "".join(f"\n{line}" for line in (*self.lines, *self.notes))


async def landed(context: ToolContext, change: Change) -> Landed:
    """Make the change; raises ToolError as `land` does, with the file as it was."""
    before = change.before.file.text if change.before else ""
    after = change.after.text
    watch = None
    if context.diagnostics and max(len(before), len(after)) <= problems.SIZE:
        watch = await _Watch.begin(context, change)
    land(context, change)
    if watch is None:
        return Landed(tuple(problems.told(change.path, before, after)))
    return await watch.end()


class _Watch:
    """The checkers that are asked about one change, and what each said before it."""

    def __init__(self, context: ToolContext, change: Change) -> None:
        self._context = context
        self._change = change
        self._old = change.before.file.text if change.before else ""
        self._asked = asked(context, change.path, change.after.text)
        self._before: list[_Found | None] = []

    @classmethod
    async def begin(cls, context: ToolContext, change: Change) -> _Watch:
        """Ask about the file as it is, where that is not known."""
        watch = await asyncio.to_thread(cls, context, change)
        if change.before is None:
            watch._before = [() for _ in watch._asked]
        else:
            sha256 = change.before.sha256
            watch._before = await asyncio.gather(
                *(watch._known(each, sha256) for each in watch._asked)
            )
        return watch

    async def end(self) -> Landed:
        """Ask about it as it is now, and tell what is new."""
        path, after = self._change.path, self._change.after
        pairs = [*zip(self._asked, self._before, strict=True)]
        useful = [(each, before) for each, before in pairs if before is not None]
        sha256 = hashlib.sha256(after.encode()).hexdigest()
        said = await asyncio.gather(*(self._say(each, sha256, after.text) for each, _ in useful))
        new: dict[str, list[Finding]] = {}
        replaced = False
        for (each, before), now in zip(useful, said, strict=True):
            if now is not None:
                known = [one for findings in new.values() for one in findings]
                new[each.checker.name] = self._new(each, before, now, known)
                replaced = replaced or each.checker.replaces
        found = [one for findings in new.values() for one in findings]
        places = {(one.line, name) for one in found for name in quoted(one.message)}
        sentences = () if replaced else tuple(problems.told(path, self._old, after.text, places))
        return Landed(sentences, *_lines(path, new), self._given_up())

    def _new(
        self, asked: Asked, before: _Found, now: _Found, known: Sequence[Finding]
    ) -> list[Finding]:
        """Return what is new of a checker, and not told by another one."""
        come = compare.new(self._change.path, self._old, self._change.after.text, before, now)
        if isinstance(asked.checker, Server):
            come = [one for one in come if one.code not in asked.checker.unsure]
        told = {(one.line, quoted(one.message)) for one in known}
        return [
            one
            for one in come
            if not (names := quoted(one.message)) or (one.line, names) not in told
        ]

    async def _known(self, asked: Asked, sha256: str) -> _Found | None:
        """Return what was said of the old content, asking where it was never asked about."""
        known = self._context.memory.diagnosed.of(asked.full_name, self._change.path, sha256)
        return await self._say(asked, sha256, self._old) if known is None else known

    async def _say(self, asked: Asked, sha256: str, text: str) -> _Found | None:
        """Return what is said of the file as it is, and keep it; other files count too."""
        if isinstance(asked.checker, Checker):
            found = await run(self._context, asked)
        else:
            found = await consult(self._context, asked, text)
        if found is not None:
            memory = self._context.memory.diagnosed
            memory.keep(asked.full_name, self._change.path, sha256, found)
        return found

    def _given_up(self) -> tuple[str, ...]:
        """Return the checkers that are not asked again, told in the change where they failed."""
        memory = self._context.memory.diagnosed
        over = [each.checker for each in self._asked if memory.given_up(each.checker.name)]
        return tuple(
            f"[{each.name} "
            + (f"took longer than {each.seconds:g} s" if memory.slow[each.name] else "failed")
            + " twice; it is not asked again in this session]"
            for each in over
        )


def _lines(path: str, new: dict[str, list[Finding]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that tell the findings by checker, the grave ones first, and those alone."""
    found = sorted(
        (one for findings in new.values() for one in findings),
        key=lambda one: (not one.grave, one.line),
    )
    if not found:
        return (), ()
    lines = [_line(path, one) for one in found[:MOST]]
    grave = [line for line, one in zip(lines, found, strict=False) if one.grave]
    names = ", ".join(name for name, findings in new.items() if findings)
    more = [f"… {len(found) - MOST} more"] if found[MOST:] else []
    return (f"New problems ({names}):", *lines, *more), tuple(grave)


def _line(path: str, finding: Finding) -> str:
    code = f" [{finding.code}]" if finding.code else ""
    return f"{path}:{finding.line}: {cut_line(' '.join(finding.message.split()), WIDTH)}{code}"
