"""The interface as lines: for a screen reader, a slow line, or a terminal that can do no more.

Nothing is drawn over and nothing moves. It has the same commands, the same policy and the same
turns as the screen; approvals and questions are asked as lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence

from agent import approval, secret_values
from agent.desk import Desk
from agent.errors import ModelUnusable, WispError
from agent.events import Base, Notice, SessionStarted, TurnFinished
from agent.job import Job
from agent.ledger import told
from agent.lines import say
from agent.policy import Autonomy
from agent.redaction import Redaction
from tui.commands import Unknown, parse
from tui.plain_actions import Lines
from tui.told import Told
from tui.typed import meant, shell_call
from tui.words import notch
from tui.work import Face, Work

_PROMPT = "> "


def talk(job: Job) -> int:
    """Talk in lines until the user leaves, and return the exit code."""
    return asyncio.run(Plain(job).run())


class Plain:
    """One conversation in lines."""

    def __init__(self, job: Job) -> None:
        redaction = Redaction(secret_values.outside())
        self._told = Told(sys.stdout, sys.stderr)
        face = Face(
            opened=self._opened,
            read=self._told.read,
            ended=self._ended,
            idle=self._idle,
            failed=self._failed,
            ask=approval.line_prompt,
            question=approval.line_question,
            have_model=self._have_model,
        )
        self.work = Work(job, face, redaction)
        self._lines = Lines(self.work, self.leave)
        self._first = job.prompt
        self._ready = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Read a line, do it, and read the next."""
        working = asyncio.ensure_future(self.work.run())
        reading = asyncio.ensure_future(self._read_lines())
        with self._signals():
            await asyncio.wait({working, reading}, return_when=asyncio.FIRST_COMPLETED)
            self.work.leave()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await working
        for line in self.work.told():
            say(line)
        return self._code

    def leave(self, code: int = 0) -> None:
        """End it."""
        self._code = code
        self.work.leave(code)

    # -- what is told

    def _opened(self, desk: Desk, events: Sequence[Base]) -> None:
        for event in events:
            if isinstance(event, SessionStarted):
                self._told.started(event)
            elif isinstance(event, Notice):
                self._told.read(event)
        if desk.talk.turns:
            say(f"{desk.talk.turns} turns so far; /rewind and /sessions are on the screen")
        level: Autonomy = desk.stance.autonomy
        say(f"level {level.name}: {notch(desk.stance)[0]}")
        say("type a prompt, /help, or ! and a command; Ctrl+C stops a turn, twice leaves")
        if self._first:
            first, self._first = self._first, ""
            self.work.submit(first, images=self.work.job.images)

    def _ended(self, finished: TurnFinished) -> None:
        desk = self.work.desk
        left = told(desk.ledger.left, desk.ledger.online) if desk else ""
        self._told.ended(finished, left, "/check proves it, /undo takes it back")

    def _failed(self, error: WispError) -> None:
        say(f"error: {error.message}")
        if error.hint:
            say(f"hint: {error.hint}")
        self._idle()

    def _idle(self) -> None:
        self._ready.set()

    async def _have_model(self, name: str) -> None:
        from agent.commands import pull
        from agent.models.choose import missing_download

        if missing_download(name):
            if not sys.stdin.isatty():
                raise ModelUnusable(f"the model {name} is not here", f"agent models pull {name}")
            await pull(name, yes=self.work.job.yes)

    # -- what is typed

    async def _read_lines(self) -> None:
        """Read a line whenever nothing runs: what is asked meanwhile reads the same terminal."""
        while True:
            await self._ready.wait()
            sys.stderr.write(_PROMPT)
            sys.stderr.flush()
            line = await _line()
            if not line:  # the end of it: Ctrl+D
                self.leave()
                return
            self._ready.clear()
            if not await self._do(line.strip()) and not self.work.left:
                self._ready.set()

    async def _do(self, text: str) -> bool:
        """Do what a line says; whether it began something whose end is to be waited for."""
        try:
            match meant(text):
                case "shell":
                    shell_call(text, "")  # said now where it is no command
                    await self.work.command(lambda name: shell_call(text, name))
                case "command":
                    return await self._command(text)
                case _ if text:
                    self.work.submit(text)
                    return True
        except WispError as error:
            self._failed(error)
        return False

    async def _command(self, text: str) -> bool:
        found = parse(text)
        if isinstance(found, Unknown):
            say(f"error: {found}")
            say("hint: /help")
            return False
        command, word = found
        act = command.act(self._lines, word)
        if act is not None:
            await act
        return self.work.busy

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let Ctrl+C stop what runs, or leave where nothing does; the others end it."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if not self.work.stop():
                self.leave(130)

        def end(number: int) -> None:
            self.leave(128 + number)

        loop.add_signal_handler(signal.SIGINT, stop)
        for each in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, end, each)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(each)


async def _line() -> str:
    """Read one line from stdin without holding up anything else; empty at its end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    number = sys.stdin.fileno()
    loop.add_reader(number, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
        # not through the buffer of sys.stdin: a line kept there would never wake us again
        return os.read(number, 1 << 16).decode(errors="replace")
    finally:
        loop.remove_reader(number)
