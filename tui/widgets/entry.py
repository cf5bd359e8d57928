"""Where the user types: the prompt, what is queued above it, and that nothing of it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import TextArea

from tui.commands import Command
from tui.drafts import Drafts
from tui.files import Files
from tui.later import later
from tui.recall import Recall
from tui.widgets.completion import Completion
from tui.widgets.prompt import Prompt
from tui.widgets.queue import Queue
from tui.work import Work

QUIET_S = 1.0  # without a key, before something else may take the focus
DRAFT_S = 0.5  # after the last key, before a draft is kept


class Entry(Vertical):
    """The prompt with its queue and its list; what is typed and not sent is kept on disk."""

    DEFAULT_CSS = "Entry { height: auto; }"

    class Sent(Message):
        """The user wants this done."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        work: Work,
        files: Files,
        drafts: Drafts,
        commands: Callable[[], Mapping[str, Command]],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._work, self._drafts, self._tell = work, drafts, tell
        self._queue, self._popup = Queue(), Completion()
        self.prompt = Prompt(
            self._popup,
            files,
            commands=commands,
            recall=Recall(drafts.history()),
            queue=self._queue,
            vim=work.job.settings.vim,
        )
        self._timer: asyncio.TimerHandle | None = None

    def compose(self) -> ComposeResult:
        """Put them below each other."""
        yield from (self._queue, self._popup, self.prompt)

    def on_mount(self) -> None:
        """Put back what was typed before and not sent."""
        draft, queued = self._drafts.kept()
        if kept := "\n\n".join(filter(None, [*queued, draft])):
            self.prompt.put(kept)

    @property
    def busy(self) -> bool:
        """Whether somebody is typing, or has begun to."""
        quiet = time.monotonic() - self.prompt.last_key
        return not self.prompt.is_empty or quiet < QUIET_S

    def show(self) -> None:
        """Show what is queued now."""
        self._queue.show(self._work.queued)

    def keep(self) -> None:
        """Keep what was typed and not sent."""
        if trouble := self._drafts.keep(self.prompt.value, self._work.queued):
            self._tell(trouble)

    def put_aside(self) -> None:
        """Empty the prompt; Up brings back what was in it."""
        text = self.prompt.value
        if text.strip():
            self._add(text)
            self.prompt.recall.add(text)
            self.prompt.put("")

    def give_back(self) -> None:
        """Put what was typed ahead back into the prompt: nobody has read it."""
        if taken := self._work.withdraw():
            self.prompt.put("\n\n".join(filter(None, [*taken, self.prompt.value])))

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        message.stop()
        if message.text.strip():
            self._add(message.text)
            self.keep()
            self.post_message(self.Sent(message.text.strip()))

    @on(Prompt.Edited)
    def _edited(self, message: TextArea.Changed) -> None:
        message.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = later(self, DRAFT_S, self.keep)

    @on(Queue.Withdrawn)
    def _withdrawn(self, message: Queue.Withdrawn) -> None:
        message.stop()
        self._work.withdraw_last(message.text)
        self.show()

    def _add(self, text: str) -> None:
        if trouble := self._drafts.add(text):
            self._tell(trouble)
