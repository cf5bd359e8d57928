"""The session of a run: a new one, or one that goes on, opened and left so that it can go on again.

It has the session, what was before, and the place of the one who changes files here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.config import Settings
from agent.context.instructions import changed, instructions, together
from agent.context.lessons import news
from agent.events import (
    MemoryKept,
    ModelNamed,
    Notice,
    SessionResumed,
    SessionStarted,
    StanceTaken,
)
from agent.place import HINT, Place
from agent.policy import Stance
from agent.redaction import Redaction
from agent.remembered import Unusable, lessons
from agent.session import Reader, Session
from agent.sessions import folder
from sandbox.head import commit
from sandbox.workspace import Workspace
from tools.base import ToolMemory

if TYPE_CHECKING:
    from agent.resumption import Past, Resume


# where a session goes on from an earlier step: its files went on meanwhile
_FILES = {
    "as they are now": Notice(
        text="the files stay as they are now, not as they were at that step",
        hint="/rewind fork puts them back; agent rewind fork --files does too",
    ),
    "of another folder": Notice(
        text="the files are those of this folder, not those that the session worked on"
    ),
}


@dataclass
class Conversation:
    """One session in use, until `close`."""

    session: Session
    place: Place
    past: Past | None = None
    said: frozenset[str] = frozenset()  # the settings that were typed
    home: Path | None = None  # the top of the user's workspace, which lessons are kept for
    _here: bool = False  # whether a turn was done by this process

    @classmethod
    def open(
        cls,
        session_id: str,
        home: Path,
        root: Path,
        resume: Resume | None,
        readers: tuple[Reader, ...],
        redaction: Redaction,
    ) -> Conversation:
        """Open a new session of this id, or the one to resume. Raises WispError.

        `root` is where it works, `home` the workspace of the user, which may be another.
        """
        if resume is None:
            log = folder(root) / f"{session_id}.jsonl"
            session = Session(session_id, log, readers, redaction)
            return cls(session, Place(root, session_id), home=home)
        session, past = resume.open(session_id, home, root, readers, redaction)
        return cls(session, Place(root, session.id), past, resume.said, home)

    @property
    def turns(self) -> int:
        """How many were begun so far."""
        return self.past.turns if self.past else 0

    def settings(self, given: Settings) -> Settings:
        """Return the settings that count: those of the session too, where it goes on."""
        return self.past.settings(given, self.said) if self.past else given

    def begin(
        self,
        settings: Settings,
        cwd: Path,
        root: Path,
        model: str,
        stance: Stance,
        system: str,
        notes: Sequence[Notice],
    ) -> None:
        """Say how it begins, in the tree with this root: the first events of this process."""
        past = self.past
        level, effort, where = settings.autonomy, settings.effort, str(cwd)
        stands: dict[str, Any] = {
            "version": __version__,
            "commit": commit(root),
            "settings": settings.told(),
        }
        notes = (*notes, *self._notes(model))
        if past is None:
            from agent.resumption import Past

            self.past = Past(model, level, effort, system=bool(system))
            self.session.start(
                SessionStarted(
                    id=self.session.id,
                    cwd=where,
                    model=model,
                    autonomy=level,
                    effort=effort,
                    containment=stance.containment,
                    system=system,
                    **stands,
                )
            )
        else:
            self.session.emit(
                SessionResumed(
                    id=self.session.id,
                    cwd=where,
                    model=model,
                    autonomy=level,
                    effort=effort,
                    containment=stance.containment,
                    turns=past.turns,
                    forked_from=past.forked_from,
                    system="" if past.system else system,
                    **stands,
                )
            )
        self.session.emit(StanceTaken.of(stance))
        named = _absolute(settings.model, cwd)
        self.session.emit(ModelNamed(model=named, api_base=settings.api_base))
        for note in notes:
            self.session.emit(note)
        assert self.past is not None, "made above where there was none"
        self.session.listen(self.past.take)

    def memory(self, workspace: Workspace) -> ToolMemory:
        """Return what the tools remember of it."""
        return ToolMemory() if self.past is None else self.past.memory(workspace)

    def news(self, memory: ToolMemory, workspace: Workspace, cwd: Path) -> str:
        """Return what is to stand behind the next prompt, last: what is not as it was."""
        if self.past is None:
            return ""
        learnt = self._lessons()
        if self._here:
            return "\n\n".join(filter(None, [self.past.news_here(memory, workspace), learnt]))
        own = instructions(workspace, cwd)
        # what the model was told of them was told without secrets
        now = self.session.redaction.text(together(own))
        new = changed(self.session.history.messages, now) if self.past.system else ""
        if new:
            names = ", ".join(each.path for each in own) or "none are left"
            text = f"the instructions changed since ({names}); the model is told at the end"
            self.session.emit(Notice(text=text))
        return "\n\n".join(filter(None, [self.past.news(memory, workspace), learnt, new]))

    def lessons(self) -> tuple[str, ...]:
        """Return the lessons that the user kept here, without secrets. Raises Unusable."""
        return tuple(map(self.session.redaction.text, lessons(self.home))) if self.home else ()

    def leave(self, memory: ToolMemory) -> None:
        """Keep what the tools remember at the end of a turn, for the next time."""
        self._here = True
        if memory.seen or memory.plan or memory.directory != ".":
            self.session.emit(
                MemoryKept(
                    seen=dict(memory.seen), directory=memory.directory, plan=tuple(memory.plan)
                )
            )

    def close(self) -> None:
        """Let go of the log and the place."""
        self.place.leave()
        self.session.close()

    def _lessons(self) -> str:
        """Return what the model does not know of the lessons yet."""
        if self.past is None or not self.past.system:
            return ""
        try:
            return news(self.session.history.messages, self.lessons())
        except Unusable:  # which was said at the start
            return ""

    def _notes(self, model: str) -> list[Notice]:
        past = self.past
        notes = [Notice(text=who, hint=HINT)] if (who := self.place.taken()) else []
        if past is not None and past.model != model:
            notes.append(Notice(text=f"the model was {past.model} so far, and is {model} now"))
        if past is not None and past.files in _FILES:
            notes.append(_FILES[past.files])
        damage = past.damage if past is not None else ()
        return notes + [Notice(text=f"the log is damaged: {each}") for each in damage]


def _absolute(model: str, cwd: Path) -> str:
    """Return the name of a model so that it means the same in every folder."""
    from agent.models.catalog import looks_like_path
    from agent.models.choose import SCRIPTED

    bare = model.removeprefix(SCRIPTED)
    if bare == model and not looks_like_path(model):
        return model
    whole = Path.cwd() / Path(bare).expanduser()
    return model.removesuffix(bare) + str(whole.resolve())
