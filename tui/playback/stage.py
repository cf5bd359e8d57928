"""What a recording shows at a position: the cards, the meters, what waits for an answer.

Only what was logged is folded, and of the one reply that streams as much as is typed by then. So to
go back means to fold again from the beginning, which takes ten thousand events a tenth of a second.
"""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import urlsplit

from agent.events import (
    Base,
    MessageFinished,
    ModelNamed,
    Notice,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    TextDelta,
    ThinkingDelta,
    TurnFinished,
)
from agent.models.providers import loopback, provider_of
from tui.fold import Change, Fold
from tui.playback.recording import Recording, Reply
from tui.state import State


class Stage:
    """A recording as it is shown at one position, moved by `go`."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.fold, self.state = Fold(), State()
        self.question: QuestionAsked | None = None  # that waits for an answer
        self.count = 0  # of the events that are shown
        self._typed = 0  # characters of the reply that streams

    @property
    def folder(self) -> str:
        """The name of the folder that the session worked in."""
        first = self.recording.events[0]
        return PurePath(first.cwd).name if isinstance(first, SessionStarted) else ""

    def go(self, at: float) -> Change | None:
        """Show what stood after so many seconds; None where the fold is another one now."""
        recording = self.recording
        count, now = recording.shown(at), recording.time(at)
        reply = recording.reply(count)
        back = count == self.count and self._letters(reply, now) < self._typed
        anew = back or count < self.count or not self.count
        if anew:
            self._begin()
        before = len(self.fold.cards)
        changed: set[int] = set()
        for number in range(self.count, count):
            event = recording.events[number]
            streams = recording.reply(number)
            if streams is not None and number < streams.whole:
                # what was written by then stands before this, from wherever one comes
                changed.update(self._type(streams, event.time))
            else:
                self._typed = 0
            changed.update(self._take(event))
        self.count = count
        changed.update(self._type(reply, now))
        added = len(self.fold.cards) - before
        known = tuple(each for each in changed if each < before)
        return None if anew else Change(added, (*known, *range(before, before + added)))

    # -- within

    def _begin(self) -> None:
        self.fold, self.state, self.question = Fold(), State(), None
        self.count = self._typed = 0
        if self.recording.damage:
            self.fold.take(Notice(text=self.recording.damage))

    def _take(self, event: Base) -> tuple[int, ...]:
        change = self.fold.take(event)
        self.state.take(event)
        match event:
            case QuestionAsked():
                self.question = event
            case QuestionAnswered() | TurnFinished():
                self.question = None
            case MessageFinished(message=message) if event.attempt is None:
                if message.text or message.thinking:
                    self.state.doing = "writing" if message.text else "thinking"
            case SessionStarted(model=model):
                self._serves(model, "")
            case ModelNamed(model=model, api_base=address):
                self._serves(model, address)
            case _:
                pass
        return change.changed

    def _serves(self, model: str, address: str) -> None:
        """Take in who is asked: the name and the address of the model say it."""
        provider = provider_of(model)
        base = address or (provider.base if provider else "")
        self.state.local = provider is None or loopback(base)
        try:
            host = urlsplit(base).hostname or ""
        except ValueError:
            host = ""
        self.state.host = "" if provider is None else host or provider.name

    def _letters(self, reply: Reply | None, now: float) -> int:
        """Return how many characters of a reply are typed at a time of the session."""
        if reply is None:
            return 0
        asked, whole = (self.recording.events[each].time for each in (reply.asked, reply.whole))
        part = (now - asked) / (whole - asked) if whole > asked else 0.0
        return int(part * (len(reply.thinking) + len(reply.text)))

    def _type(self, reply: Reply | None, now: float) -> tuple[int, ...]:
        before, typed = self._typed, self._letters(reply, now)
        if reply is None or typed <= before:
            return ()
        self._typed = typed
        thought = len(reply.thinking)
        changed: tuple[int, ...] = ()
        # not by a delta: how fast it was nobody knows any more
        self.state.doing = "thinking" if typed <= thought else "writing"
        if text := reply.thinking[before:typed]:
            changed += self.fold.take(ThinkingDelta(text=text, time=now)).changed
        if text := reply.text[max(0, before - thought) : max(0, typed - thought)]:
            changed += self.fold.take(TextDelta(text=text, time=now)).changed
        return changed
