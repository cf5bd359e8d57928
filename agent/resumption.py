"""Going on with a session: what its log says of it, and what a model has to be told anew.

The log gives back the same messages, so the next request begins as the last one did. Whatever is
different today (instructions, files, the shell's folder) stands behind the next prompt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.config import Settings
from agent.errors import UsageError, WispError
from agent.events import (
    AutonomyChanged,
    Base,
    CheckFinished,
    EffortChanged,
    MemoryKept,
    MessageFinished,
    ModelNamed,
    SessionResumed,
    SessionStarted,
    StepStarted,
    Tally,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    Verification,
    as_line,
)
from agent.log import LogView, read
from agent.policy import Autonomy
from agent.proof import Counted
from agent.redaction import Redaction, marked
from agent.session import Reader, Session
from agent.sessions import Kept, find, folder
from sandbox.workspace import PathError, Workspace
from tools import registry
from tools.base import ToolCall, ToolMemory
from tools.report import CheckReport

Files = Literal["", "as they are now", "of another folder"]
UNSURE = "unknown"  # the hash of a file that was seen, but not how it was: it counts as changed
# how it is told what a turn came to that was no conversation
_BESIDE = {
    "fix": "That was given to a repair, which ended so: ",
    "check": "Since then the user had the check run: ",
}


@dataclass(frozen=True, slots=True)
class Resume:
    """Which session is to go on, as it was typed; `at` is a turn, or `TURN.STEP`, for a fork.

    `said` are the settings that were typed too: those count, not the session's.
    """

    word: str
    fork: bool = False
    at: str = ""
    said: frozenset[str] = frozenset()

    def open(
        self, new: str, home: Path, root: Path, readers: tuple[Reader, ...], redaction: Redaction
    ) -> tuple[Session, Past]:
        """Open the session, or its fork under the id `new`, for the workspace at `root`.

        It is looked for in the workspace at `home`, which is another one where a worktree was made.
        Raises WispError.
        """
        found = find(self.word, home)
        forks = self.fork or bool(self.at) or home != root
        if not forks and not found.belongs(root):
            cwd = _head(read(found.path), found).cwd
            raise UsageError(
                f"the session {found.id} is of another folder: {cwd}",
                f"agent run -C {cwd} -r {found.id}, or --fork goes on from it here",
            )
        if forks:
            path = folder(root) / f"{new}.jsonl"
            fork(found, path, self.at)
            session = Session(new, path, readers, redaction)
            session.provisional = True
        else:
            session = Session(found.id, found.path, readers, redaction)
        try:
            view = session.reopen()
            _head(view, found)
        except WispError:
            session.close()
            raise
        past = Past.of(view, found.id if forks else "")
        if self.at and home == root:
            past.files = "as they are now" if found.belongs(root) else "of another folder"
        return session, past


@dataclass
class Past:
    """What a session was when it was left."""

    model: str
    autonomy: Autonomy
    effort: int
    named: ModelNamed | None = None
    turns: int = 0
    damage: tuple[str, ...] = ()
    forked_from: str = ""
    files: Files = ""  # of a fork at a step, whose files nobody has put back
    system: bool = False  # whether there is a system prompt
    kept: MemoryKept | None = None
    since: list[ToolCall] = field(default_factory=list)  # the calls made after that
    checked: CheckReport | Counted | None = None  # what the last check said
    beside: str = ""  # what the last turn came to, where the model had no part in its end

    @classmethod
    def of(cls, view: LogView, forked_from: str = "") -> Past:
        """Fold a log into what it says of its session."""
        first = view.events[0]
        assert isinstance(first, SessionStarted), "looked at when it was found"
        past = cls(first.model, first.autonomy, first.effort, damage=tuple(view.damage))
        past.forked_from, past.system = forked_from, bool(first.system)
        for event in view.events:
            past.take(event)
        return past

    def take(self, event: Base) -> None:
        """Take in one event of the session."""
        if event.attempt is None:
            self.checked = _checked(event) or self.checked
        match event:
            case SessionResumed(model=model, autonomy=level, effort=effort, system=system):
                self.model, self.autonomy, self.effort = model, level, effort
                self.system = self.system or bool(system)
                # that they ended was told
                self.since = [call for call in self.since if not call.arguments.get("background")]
            case AutonomyChanged(autonomy=level):
                self.autonomy = level
            case EffortChanged(effort=effort):
                self.effort = effort
            case ModelNamed():
                self.named = event
            case TurnStarted(kind=kind):
                self.turns += 1
                self.beside = _BESIDE.get(kind, "")
            case TurnFinished(text=text, error=error) if self.beside:
                self.beside += text or error or "nothing"
            case ToolRequested(call=call):
                self.since.append(call)
            case ToolFinished(call_id=call_id, result=result) if not result.ok:
                # what was not read was not seen; a change that was cut off may have been made
                self.since = [
                    call for call in self.since if call.id != call_id or call.name != "read"
                ]
            case MemoryKept():
                self.kept = event
                self.since = [call for call in self.since if call.arguments.get("background")]
            case _:
                pass

    def settings(self, given: Settings, said: frozenset[str]) -> Settings:
        """Return the settings for going on: what was typed counts, then what the session had.

        Of the two levels the more careful one counts, unless one was typed. Raises UsageError where
        the address of the model held a secret, which no log keeps.
        """
        mine: dict[str, object] = {}
        if "model" not in said and self.named is not None:
            mine["model"] = self.named.model
            if "api_base" not in said:
                if marked(self.named.api_base):
                    raise UsageError(
                        f"the address of {self.named.model} held a secret, which no log keeps",
                        "--api-base URL",
                    )
                mine["api_base"] = self.named.api_base
        if "effort" not in said:
            mine["effort"] = self.effort
        if "autonomy" not in said:
            mine["autonomy"] = min(self.autonomy, given.autonomy)
        return given.model_copy(update=mine)

    def memory(self, workspace: Workspace) -> ToolMemory:
        """Return what the tools remember.

        Of files that a turn touched which was cut off it is not known how they were seen, so they
        have to be read again.
        """
        memory = ToolMemory()
        if self.kept is not None:
            memory.seen = dict(self.kept.seen)
            memory.directory, memory.plan = self.kept.directory, self.kept.plan
        for path in sorted({path for call in self.since for path in registry.files_named(call)}):
            with contextlib.suppress(PathError):
                memory.seen[workspace.locate(path)] = UNSURE
        return memory

    def news(self, memory: ToolMemory, workspace: Workspace) -> str:
        """Return what the model could not know of how things are now; empty when nothing is."""
        told = [self.news_here(memory, workspace)]
        shell = [call for call in self.since if call.name == "shell"]
        if any(call.arguments.get("background") for call in shell):
            told.append("Commands that were left running have ended.")
        if any(not call.arguments.get("background") for call in shell):
            told.append("Commands start in the top folder again.")
        return "\n".join(filter(None, told))

    def news_here(self, memory: ToolMemory, workspace: Workspace) -> str:
        """Return what of it there is to tell within one process, where commands still run."""
        told = [self.beside] if self.beside else []
        old = self.kept.seen if self.kept else {}
        # of what is unknown for longer it was told before
        known = [path for path in memory.seen if old.get(path) != UNSURE]
        if changed := [path for path in known if _hash(workspace, path) != memory.seen[path]]:
            told.append(f"Changed since you saw them, read them again: {', '.join(changed)}")
        return "\n".join(told)


def _checked(event: Base) -> CheckReport | Counted | None:
    """Return what an event says of a check; of the harness's own a log has only the counts."""
    match event:
        case ToolFinished(result=result):
            return result.report
        case CheckFinished(passed=passed, failed=failed, newly_failing=names):
            return Counted(tally=Tally(passed=passed, failed=failed), failing=names)
        case TurnFinished(verification=Verification(after=Tally() as after, newly_failing=names)):
            return Counted(tally=after, failing=names)  # others came behind it, of older trees
    return None


def fork(found: Kept, path: Path, at: str) -> None:
    """Copy a log to another path, whose name is the new id, up to a turn or a step if `at` says so.

    A copy, so that whoever reads a log needs no other. Raises WispError.
    """
    view = read(found.path)
    first = _head(view, found)
    data = found.path.read_bytes()[view.ends[0] : end(view, found, at)]
    line = as_line(first.model_copy(update={"id": path.stem})).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(line + data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise WispError(f"cannot write the session log {path}: {error.strerror}") from error


def end(view: LogView, found: Kept, at: str) -> int:
    """Return at which byte of a log a fork up to `at` ends. Raises UsageError where none can."""
    if at and view.damage:
        raise UsageError(
            f"the log of {found.id} is damaged, so its turns cannot be counted",
            f"agent run -r {found.id} --fork, which takes all of it",
        )
    return view.ends[_cut(view.events[: len(view.ends)], at, found)]


def _head(view: LogView, found: Kept) -> SessionStarted:
    first = view.events[0] if view.events else None
    if not isinstance(first, SessionStarted):
        raise UsageError(f"the log of {found.id} has no beginning, so nothing can go on from it")
    return first


def _cut(events: Sequence[Base], at: str, found: Kept) -> int:
    """Return the number of the last event up to `at`; raises UsageError for what is not there."""
    if not at:
        return len(events) - 1
    turn, _, step = at.partition(".")
    turns = steps = 0
    last = -1
    for number, event in enumerate(events):
        match event:
            case TurnStarted():
                turns, steps = turns + 1, 0
            case StepStarted(step=count):
                steps = count
        here = str(turns) == turn and (not step or str(steps) == step)
        ends = (MessageFinished, ToolFinished) if step else (TurnFinished, MemoryKept)
        if here and isinstance(event, ends):
            last = number
    if last < 0:
        what = f"step {step} in turn {turn}" if step else f"turn {turn} that ended"
        raise UsageError(f"{found.id} has no {what}", f"agent sessions show {found.id}")
    return last


def _hash(workspace: Workspace, path: str) -> str:
    try:
        return workspace.read(path, 1).sha256
    except PathError:
        return ""
