"""The card of a question: the model asks, the user picks a number or says it in their own words."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Input

from agent.terminal import exact
from tui import theme
from tui.waiting import Asked
from tui.widgets.approval import GUARD_S
from tui.widgets.asking import flow
from tui.widgets.drawn import Drawn

MOST = 9  # choices that have a key; others can be typed


class Question(Vertical, can_focus=True):
    """Shows one question, `show`, and posts its answer once; hidden while there is none.

    Without `live` it is only looked at, and takes no answer.
    """

    DEFAULT_CSS = """
    Question { height: auto; border: round $warning; padding: 0 1; display: none; }
    Question.-there { display: block; }
    Question:focus-within { border: round $primary; }
    Question VerticalScroll { height: auto; max-height: 40vh; scrollbar-size-vertical: 1; }
    Question Input { height: 1; border: none; padding: 0; background: $panel; }
    """

    class Answered(Message):
        """The user answered; None is no answer."""

        def __init__(self, asked: Asked, answer: str | None) -> None:
            super().__init__()
            self.asked = asked
            self.answer = answer

    def __init__(self, *, live: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(disabled=not live)
        self._live = live
        self._clock = clock
        self._asked: Asked | None = None
        self._since = 0.0
        self._text, self._keys = Drawn(self._lines), Drawn(self._told)
        self._input = Input(compact=True, select_on_focus=False)

    def compose(self) -> ComposeResult:
        """Put the question over where it is answered."""
        yield VerticalScroll(self._text, can_focus=False)
        if self._live:
            yield from (self._input, self._keys)

    @property
    def asked(self) -> Asked | None:
        """What is shown and not yet answered."""
        return self._asked

    def show(self, asked: Asked, place: str = "") -> None:
        """Show a question; `place` says which of many it is, such as `1 of 2`."""
        self.border_title, self.border_subtitle = "the model asks", place
        if asked is self._asked:
            return
        self._asked, self._since = asked, self._clock()
        self._input.value = ""
        self._input.placeholder = "or in your own words" if asked.choices else "your answer"
        self.set_class(True, "-there")
        self._text.show(self._lines)
        self._keys.show(self._told)
        if self.has_focus and not asked.choices:
            self._input.focus()

    def clear(self) -> None:
        """Show nothing: it was answered, or waits no longer."""
        self._asked = None
        self.set_class(False, "-there")

    def _lines(self, width: int) -> list[Content]:
        if self._asked is None:
            return []
        lines: list[Content] = []
        for line in exact(self._asked.question.strip("\n")).split("\n"):
            lines += Content(line).wrap(width) or [Content("")]
        for number, choice in enumerate(self._asked.choices, 1):
            sign = f"{number}" if number <= MOST else " "
            pick = Style.from_meta({"choice": number})
            for at, part in enumerate(Content(exact(choice)).wrap(max(8, width - 3))):
                head = (f" {sign if not at else ' '} ", f"{theme.STRONG} {theme.NAME}")
                lines.append(Content.assemble(head, part).stylize(pick))
        return lines

    def _told(self, width: int) -> list[Content]:
        count = min(len(self._asked.choices), MOST) if self._asked else 0
        keys = [f"1-{count} picks" if count > 1 else "1 picks"] if count else []
        told = (*keys, "Enter sends what is typed", "Esc gives no answer")
        return flow([Content.styled(each, theme.DIM) for each in told], width)

    # -- answering

    def watch_has_focus(self, has_focus: bool) -> None:
        """Hand the focus on to the text where there is nothing else to answer with."""
        super().watch_has_focus(has_focus)
        if has_focus and self._asked is not None and not self._asked.choices:
            self._input.focus()

    def on_key(self, event: events.Key) -> None:
        """Pick a choice, begin to type, or give no answer."""
        if self._asked is None:
            return  # answered
        if event.key == "escape":
            event.stop()
            if self._calm():
                self._answer(None)
        elif not self.has_focus:
            return
        elif event.is_printable and event.character:
            event.stop()
            if event.character.isdigit():
                self._pick(int(event.character))
            else:
                self._input.focus()
                self._input.insert_text_at_cursor(event.character)

    def on_click(self, event: events.Click) -> None:
        """Take a click on a choice for its key."""
        if choice := event.style.meta.get("choice"):
            event.stop()
            self._pick(int(choice))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with what was typed."""
        event.stop()
        if event.value.strip():
            self._answer(event.value.strip())

    def _pick(self, number: int) -> None:
        calm = self._calm()
        if calm and self._asked is not None and 0 < number <= len(self._asked.choices):
            self._answer(self._asked.choices[number - 1])

    def _calm(self) -> bool:
        """Whether the card was seen for a while, and no key pressed."""
        now = self._clock()
        early, self._since = now - self._since < GUARD_S, now
        return not early

    def _answer(self, answer: str | None) -> None:
        if self._asked is not None:
            asked = self._asked
            self.clear()
            self.post_message(self.Answered(asked, answer))
