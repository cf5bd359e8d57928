"""Turns at a desk, one after the other: what a face asks for, done in a task of its own.

No widget is known here, so the screen and the plain lines share it. One task opens the desk and
closes it; each turn is a child of that task, so that it can be stopped at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.desk import Desk, Kind
from agent.errors import UsageError, WispError
from agent.events import Base, Emit, Notice, TurnFinished
from agent.footing import start_model
from agent.job import Job
from agent.log import read
from agent.messages import Usage
from agent.models.base import Model
from agent.models.providers import KeyFor
from agent.policy import Autonomy
from agent.remembered import keep_level
from tools.base import ToolCall

if TYPE_CHECKING:
    from agent.events import Ask
    from agent.messages import Image
    from agent.redaction import Redaction
    from agent.worktree import Left
    from tools.base import Question


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to be done at the desk."""

    kind: Kind
    text: str
    images: tuple[Image, ...] = ()
    origin: str = ""  # of a prompt that the user did not write
    found: str = ""  # what was found for it, which stands behind it


@dataclass(frozen=True, slots=True)
class Face:
    """What the work tells whoever shows it, and asks of them."""

    opened: Callable[[Desk, Sequence[Base]], None]  # with all that the session said so far
    read: Emit
    ended: Callable[[TurnFinished], None]
    idle: Callable[[], None]  # nothing is left to be done
    failed: Callable[[WispError], None]
    ask: Ask
    question: Question
    have_model: Callable[[str], Awaitable[None]]


@dataclass
class Work:
    """The desk of a face, opened anew for another model or session, and what is to be done."""

    job: Job
    face: Face
    redaction: Redaction
    desk: Desk | None = None
    errands: deque[Errand] = field(default_factory=deque)
    doing: asyncio.Task[Any] | None = None  # the turn, while one runs
    used: Usage = field(default_factory=Usage)  # by the turns of this program
    kept: list[Left] = field(default_factory=list)  # worktrees that hold changes
    _begun: list[Base] | None = None  # what a desk says before it is open
    _commands: set[asyncio.Task[Any]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _next: Job | None = None
    _first: tuple[Notice, ...] = ()  # told at the next desk
    _task: asyncio.Task[Any] | None = None  # all of this
    left: bool = False  # it is to end
    _models: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _model: tuple[tuple[object, ...], Model] | None = None  # by what it was asked for

    async def run(self) -> None:
        """Open the desk and do what is asked for, until `leave`. Raises only what is a bug."""
        self._next, self._task = self.job, asyncio.current_task()
        try:
            async with self._models:
                await self._until_left()
        except asyncio.CancelledError:
            if not self.left:
                raise

    async def _until_left(self) -> None:
        while not self.left:
            if self._next is None:
                await self._woken()
                continue
            self.job, self._next = self._next, None
            try:
                await self._at_a_desk(self.job)
            except WispError as error:
                if self._next is None:  # nobody waits for this one any more
                    self.face.failed(error)
            finally:
                self.desk = self._begun = None

    # -- what a face asks for

    def submit(
        self,
        text: str,
        kind: Kind = "run",
        images: tuple[Image, ...] = (),
        origin: str = "",
        found: str = "",
    ) -> None:
        """Do a turn; a prompt that comes while one runs joins it before its next step.

        One with pictures, or with something that was found for it, is a turn of its own.
        """
        alone = bool(images or origin or found)
        if self.desk is not None and self.busy and kind == "run" and not alone:
            self.desk.type_ahead(text)
        else:
            self.errands.append(Errand(kind, text, images, origin, found))
        self._wake.set()

    @property
    def opening(self) -> bool:
        """Whether a desk is being opened."""
        return self._begun is not None or self._next is not None

    @property
    def busy(self) -> bool:
        """Whether a turn runs, or is about to."""
        return self.doing is not None or bool(self.errands) or self._next is not None

    @property
    def queued(self) -> list[str]:
        """What was typed ahead and no model has read yet, the oldest first."""
        waiting = [each.text for each in self.errands if each.kind == "run"]
        return [*(self.desk.queue if self.desk else ()), *waiting]

    def withdraw(self) -> list[str]:
        """Take back everything that was typed ahead."""
        taken = self.queued
        if self.desk is not None:
            self.desk.typed()
        self.errands = deque(each for each in self.errands if each.kind != "run")
        return taken

    def withdraw_last(self, text: str) -> None:
        """Take back one prompt that was typed ahead, unless a model has read it meanwhile."""
        queue = self.desk.queue if self.desk else []
        if text in queue:
            queue.remove(text)
            return
        for errand in reversed(self.errands):
            if errand.kind == "run" and errand.text == text:
                self.errands.remove(errand)
                return

    def command(self, call: Callable[[str], ToolCall]) -> asyncio.Task[None]:
        """Make a call of the user's beside whatever runs; `call` is handed its id.

        The task is for who wants to wait. Raises UsageError where no session is open.
        """
        if self.desk is None:
            raise UsageError("no session is open yet")
        made = call(self.desk.next_command_id())
        task = asyncio.ensure_future(self._made(self.desk, made))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return task

    def stop(self) -> bool:
        """Stop what runs; whether anything did."""
        running = [*self._commands, *([self.doing] if self.doing else [])]
        for task in running:
            task.cancel()
        return bool(running)

    def reopen(self, change: Callable[[Job], Job], *first: Notice) -> None:
        """Close the desk and open another, for the job that `change` makes of this one.

        What is to be told `first` there would be gone with what is shown now.
        """
        self._next, self._first = change(self._next or self.job), first
        self.stop()
        self._wake.set()

    def leave(self, interrupted: int = 0) -> None:
        """Stop what runs and close the desk; `run` returns soon.

        `interrupted` is the exit code of a signal, which the turn that runs ends with.
        """
        self.left = True
        if interrupted and self.desk is not None and self.desk.last is not None:
            self.desk.last.interrupted = interrupted
        self.stop()
        self._wake.set()
        if self._begun is not None and self._task is not None:
            self._task.cancel()  # a desk is being opened, and may wait for a person

    # -- the slider and the knob

    @property
    def level(self) -> Autonomy:
        """Where the slider stands."""
        return self.desk.stance.autonomy if self.desk else self.job.settings.autonomy

    def move(self, level: Autonomy) -> None:
        """Move the slider, which acts at once and is remembered for this folder."""
        self._set("autonomy", level)
        if self.desk is not None:
            self.desk.move(level)
            try:
                keep_level(self.desk.site.home.root, level)
            except WispError as error:
                self.face.failed(error)

    def turn_knob(self, effort: int) -> None:
        """Set the effort."""
        self._set("effort", effort)
        if self.desk is not None:
            self.desk.turn_knob(effort)

    def _set(self, name: str, value: object) -> None:
        settings = self.job.settings.model_copy(update={name: value})
        self.job = replace(self.job, settings=settings)

    # -- within

    async def _at_a_desk(self, job: Job) -> None:
        self._begun = []
        opened = Desk.open(
            job,
            (self._read,),
            self.face.ask,
            self.face.question,
            redaction=self.redaction,
            have_model=self.face.have_model,
            start=self._start,
        )
        async with opened as desk:
            self.desk, self.job = desk, desk.job  # with what the session adds to the settings
            self._say_opened(desk)
            told, self._first = self._first, ()
            for notice in told:
                desk.talk.session.emit(notice)
            while not self.left and self._next is None:
                if not self.errands and desk.queue:
                    prompt, *rest = desk.typed()
                    desk.queue[:] = rest
                    self.errands.append(Errand("run", prompt))
                if not self.errands:
                    self.face.idle()
                    await self._woken()
                    continue
                await self._do(desk, self.errands.popleft())
            await self._end_commands()
        if desk.site.left is not None:
            self.kept.append(desk.site.left)

    @contextlib.asynccontextmanager
    async def _start(self, settings: Settings, key_for: KeyFor) -> AsyncIterator[Model]:
        """Yield the model that runs already where it is the same: loaded, and with its cache."""
        asked = (settings.model, settings.api_base, settings.context, settings.max_cost)
        if self._model is None or self._model[0] != asked:
            self._model = None
            await self._models.aclose()
            started = start_model(settings, key_for)
            self._model = asked, await self._models.enter_async_context(started)
        yield self._model[1]

    def _say_opened(self, desk: Desk) -> None:
        begun, self._begun = self._begun or [], None
        first = min((event.seq for event in begun), default=0)
        log: Path = desk.talk.session.log_path
        before = [each for each in read(log).events if each.seq < first] if first > 1 else []
        self.face.opened(desk, [*before, *begun])

    def _read(self, event: Base) -> None:
        if self._begun is not None:
            self._begun.append(event)
        else:
            self.face.read(event)

    async def _do(self, desk: Desk, errand: Errand) -> None:
        turn = desk.turn(
            errand.text,
            errand.kind,
            images=errand.images,
            origin=errand.origin,
            found=errand.found,
        )
        self.doing = asyncio.ensure_future(turn)
        try:
            finished = await self.doing
        except WispError as error:
            self.face.failed(error)
        except asyncio.CancelledError:
            pass  # before it was a turn
        else:
            self.used += finished.usage
            self.face.ended(finished)
        finally:
            self.doing = None
        # a turn takes a cancellation in; where all of this is to end, it must not stop there
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError

    async def _made(self, desk: Desk, call: ToolCall) -> None:
        try:
            await desk.command(call)
        except WispError as error:
            self.face.failed(error)

    def told(self) -> list[str]:
        """Return what is to be said once the face is gone: where changes were left."""
        return [
            line
            for each in self.kept
            for line in (f"the changes are in {each.path}", f"hint: {each.hint}")
        ]

    async def _end_commands(self) -> None:
        for task in self._commands:
            task.cancel()
        await asyncio.gather(*self._commands, return_exceptions=True)

    async def _woken(self) -> None:
        await self._wake.wait()
        self._wake.clear()
