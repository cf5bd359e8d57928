"""Turns in process: a real session, workspace, sandbox and policy, and a model that is scripted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.checkpoint import Checkpoints
from agent.copies import Copies
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Base,
    CallDecided,
    MessageFinished,
    SessionResumed,
    SessionStarted,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.loop import Limits
from agent.models.base import Model
from agent.models.scripted import ScriptedModel
from agent.policy import Autonomy, Stance
from agent.redaction import Redaction
from agent.resumption import Past
from agent.run import reason_and_act
from agent.session import Session
from agent.turn import Turn
from sandbox.base import Sandbox
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory
from tools.shell import stop_jobs

Reply = dict[str, Any] | str
Answer = bool | str | float
"""A scripted person: yes, no, no with a word to the model, or seconds of thought before a yes."""

# what every turn begins with, and what one allowed call and one refused are made of
START = [SessionStarted, TurnStarted]
TALK = [StepStarted, TextDelta, MessageFinished]
ALLOWED = [ToolRequested, CallDecided, ToolStarted, ToolFinished]
DENIED = [ToolRequested, CallDecided, ToolFinished]
ASKED = [ToolRequested, CallDecided, ApprovalAsked, ApprovalAnswered]


@dataclass
class Ran:
    """What a turn emitted, and what it stood on."""

    session: Session
    turn: Turn
    model: Any
    root: Path
    events: list[Base] = field(default_factory=list)

    @property
    def types(self) -> list[type[Base]]:
        """The kinds of the events, without those that say how far something is."""
        return [type(each) for each in self.events if not isinstance(each, ToolOutput)]

    @property
    def end(self) -> TurnFinished:
        """The last event, which closes the turn."""
        last = self.events[-1]
        assert isinstance(last, TurnFinished)
        return last

    def of(self, kind: type[Base]) -> list[Any]:
        """The events of one kind."""
        return [each for each in self.events if isinstance(each, kind)]

    @property
    def results(self) -> list[Any]:
        """What the calls returned, in order."""
        return [each.result for each in self.of(ToolFinished)]


def ask_script(answers: Sequence[Answer]) -> Callable[[ApprovalAsked], Any]:
    """Return an approver that gives these answers in order."""
    left = list(answers)

    async def ask(asked: ApprovalAsked) -> ApprovalAnswered:
        answer = left.pop(0) if left else False
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = True
        word = answer if isinstance(answer, str) else ""
        return ApprovalAnswered(
            call_id=asked.call_id, approved=answer is True, by="script", feedback=word
        )

    return ask


async def prepare(
    root: Path,
    replies: Sequence[Reply],
    *,
    level: Autonomy = Autonomy.RUN,
    answers: Sequence[Answer] = (),
    limits: Limits | None = None,
    window: int = 8192,
    model: Model | None = None,
    check: str = "",
    sandbox: Sandbox | None = None,
    readers: tuple[Callable[[Base], None], ...] = (),
    state: Path | None = None,
    question: Any = None,
    redaction: Redaction | None = None,
    again: bool = False,
    diagnostics: bool = False,
) -> Ran:
    """Put a turn together in `root`, started but not carried; `again` goes on with its log."""
    items = [{"say": each} if isinstance(each, str) else dict(each) for each in replies]
    speaks: Any = model or ScriptedModel.of(items, window=window)
    state = state or root.parent / "state"
    workspace = Workspace(root)
    sandbox = sandbox or await open_sandbox(workspace, "auto")
    events: list[Base] = []
    session = Session("s1", state / "s1.jsonl", (events.append, *readers), redaction)
    checkpoints = Checkpoints(workspace.root, sandbox, state=state)

    async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
        return None

    turn = Turn(
        session=session,
        model=speaks,
        context=ToolContext(
            workspace=workspace,
            sandbox=sandbox,
            memory=ToolMemory(),
            output=lambda text: None,
            question=question or nobody,
            check_command=check,
            diagnostics=diagnostics,
        ),
        stance=Stance(autonomy=level, containment=sandbox.containment),
        ask=ask_script(answers),
        checkpoints=checkpoints,
        copies=Copies(workspace.root, cache=state / "cache"),
        limits=limits or Limits(),
    )
    started = SessionStarted(
        id="s1",
        cwd=str(root),
        model=speaks.name,
        autonomy=level,
        effort=2,
        containment=sandbox.containment,
        system="You are tested.",
    )
    if again:
        past = Past.of(session.reopen())
        more = {"turns": past.turns, "system": "" if past.system else started.system}
        shared = started.model_dump(exclude={"type", "schema_version", "seq", "time", "attempt"})
        session.emit(SessionResumed(**(shared | more)))
        turn.context.memory.seen.update(past.memory(workspace).seen)
        turn.number = past.turns + 1
    else:
        session.start(started)
    return Ran(session, turn, speaks, workspace.root, events)


async def run(
    root: Path, replies: Sequence[Reply], *, prompt: str = "do it", work: Any = None, **more: Any
) -> Ran:
    """Carry one turn to its end."""
    ran = await prepare(root, replies, **more)
    await carried(ran, prompt, work)
    return ran


async def carried(ran: Ran, prompt: str = "do it", work: Any = None) -> TurnFinished:
    """Carry the turn; the events stand in `ran`."""
    try:
        kind: Literal["run", "fix"] = "fix" if work else "run"
        return await ran.turn.carry(prompt, kind, work or reason_and_act)
    finally:
        await stop_jobs(ran.turn.context.memory)  # as every face does
        ran.session.close()


async def cancelled_at(
    root: Path, replies: Sequence[Reply], moment: Callable[[Base], bool], **more: Any
) -> Ran:
    """Carry a turn, cancelling it a moment after the first event that fits."""
    reached = asyncio.Event()
    ran = await prepare(
        root, replies, readers=(lambda event: reached.set() if moment(event) else None,), **more
    )
    task = asyncio.ensure_future(carried(ran))
    await asyncio.wait(
        {task, asyncio.ensure_future(reached.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    assert reached.is_set(), "the turn ended before the moment came"
    await asyncio.sleep(0.05)  # into what the event announced
    task.cancel()
    # far below what is waited for in these turns, far above what a busy machine needs
    async with asyncio.timeout(10):
        await task
    return ran


def living(mark: str) -> list[int]:
    """Return the processes, but this one, with the mark in their command line or their folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_text(errors="replace")
            folder = str((entry / "cwd").readlink())
        except OSError:
            continue
        if mark in words or folder.startswith(mark):
            found.append(int(entry.name))
    return found
