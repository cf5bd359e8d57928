"""The card of an approval: above the prompt, answered by keys that nobody hits by accident."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, TextArea

from agent.events import ApprovalAnswered, ApprovalAsked
from agent.grants import Grant
from agent.policy import Stance
from agent.terminal import exact, inert
from tools.base import ToolCall
from tui import theme
from tui.widgets.asking import Asking, row
from tui.widgets.drawn import Drawn

GUARD_S = 0.4  # that the card is seen, and no key pressed, before a key answers
_KEYS = "yane"
_SCROLLS = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8}
CHANGED = "the user changes the call before it runs"


class Approval(Vertical, can_focus=True):
    """Shows one approval, `show`, and posts its answer once; hidden while there is none.

    `where` names the file that a rule would be written to; `way_in` is the key that the app gives
    the focus with; `clock` tells seconds. Without `live` it is only looked at, and takes no answer.
    """

    DEFAULT_CSS = """
    Approval { height: auto; border: round $warning; padding: 0 1; display: none; }
    Approval.-there { display: block; }
    Approval:focus-within { border: round $primary; }
    Approval VerticalScroll { height: auto; max-height: 40vh; scrollbar-size-vertical: 1; }
    Approval Input, Approval TextArea { border: none; padding: 0; background: $panel; }
    Approval Input { height: 1; }
    Approval TextArea { height: auto; max-height: 30vh; }
    """

    class Answered(Message):
        """The user answered.

        With `edited`, the arguments that they want in place of the call's, the call itself is
        declined: whoever takes this makes the changed call.
        """

        def __init__(self, answer: ApprovalAnswered, edited: dict[str, Any] | None = None) -> None:
            super().__init__()
            self.answer = answer
            self.edited = edited

    class Left(Message):
        """The user wants back to the prompt; the approval still waits."""

    class EditWanted(Message):
        """The user edits the call, in the card."""

    def __init__(
        self,
        where: str = "your rules",
        *,
        way_in: str = "Tab",
        live: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(disabled=not live)
        self._live = live
        self._where, self._way_in, self._clock = where, way_in, clock
        self._asking: Asking | None = None
        self._since = 0.0  # seen, and left in peace
        self._confirms = False  # the rule is shown, and the next `a` writes it
        self._error = ""
        self._head, self._body, self._note, self._keys = (Drawn() for _ in range(4))
        self._scroll = VerticalScroll(self._body, can_focus=False)
        self._input: Input | TextArea | None = None

    def compose(self) -> ComposeResult:
        """Put what scrolls between what does not."""
        yield from (self._head, self._scroll, self._note, self._keys)

    @property
    def asked(self) -> ApprovalAsked | None:
        """What is shown and not yet answered."""
        return self._asking.asked if self._asking else None

    def show(
        self, asked: ApprovalAsked, call: ToolCall | None, stance: Stance, place: str = ""
    ) -> None:
        """Show an approval; `place` says which of many it is, such as `1 of 2`.

        The same one again only changes what is said of the slider.
        """
        again = self._asking is not None and self._asking.asked is asked
        self._asking = Asking(asked, call, stance)
        self.border_title = "asks"
        self.border_subtitle = place
        self.set_class(True, "-there")
        if again:
            self._draw_keys()
            return
        self._since, self._confirms, self._error = self._clock(), False, ""
        self._close_input()
        self._head.show(self._asking.head)
        self._body.show(self._asking.body)
        self._scroll.scroll_home(animate=False)
        self._draw_keys()

    def clear(self) -> None:
        """Show nothing: it was answered, or waits no longer."""
        self._asking = None
        self._close_input()
        self.set_class(False, "-there")

    # -- drawing

    def _draw_keys(self) -> None:
        asking = self._asking
        if asking is None:
            return
        focused = self.has_focus or self._input is not None
        self._note.show(self._told if self._confirms or self._input or self._error else None)
        hidden = self._input is not None or not self._live
        self._keys.show(
            None if hidden else lambda width: asking.choices(width, focused, self._way_in)
        )

    def _told(self, width: int) -> list[Content]:
        asking = self._asking
        if self._error:
            return row("not so", Content.styled(self._error, theme.BAD), width)
        if self._confirms and asking is not None and asking.asked.grant is not None:
            rule = exact(str(asking.asked.grant))
            said = f"{rule}\nwritten to {self._where}, for this workspace; a again writes it"
            return row("rule", Content(said), width)
        if isinstance(self._input, Input):
            said = "a word to the model, or nothing; Enter declines, Esc goes back"
        elif self._runs_command:
            said = "Enter runs it once as it stands here, Ctrl+J is a new line, Esc goes back"
        else:
            said = "Ctrl+S makes the call once as it stands here, Esc goes back"
        return row("", Content.styled(said, theme.DIM), width)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show whether keys answer; a rule that was shown is not confirmed from afar."""
        super().watch_has_focus(has_focus)
        self._confirms = self._confirms and has_focus
        self._draw_keys()

    # -- answering

    def on_key(self, event: events.Key) -> None:
        """Answer, scroll, leave; keys of the open input are not for here."""
        if self._asking is None:
            return  # answered: the focus is on its way to where these keys are for
        if event.key == "escape":
            event.stop()
            if self._input is not None or self._confirms:
                self._back()
            else:
                self.post_message(self.Left())
        elif not self.has_focus:
            return
        elif event.key in _SCROLLS:
            event.stop()
            self._scroll.scroll_relative(y=_SCROLLS[event.key], animate=False)
        elif event.key in _KEYS:
            event.stop()
            self._choose(event.key)

    def on_click(self, event: events.Click) -> None:
        """Take a click on a choice for its key."""
        if choice := event.style.meta.get("choice"):
            event.stop()
            self._choose(str(choice))

    def _choose(self, key: str) -> None:
        asking, now = self._asking, self._clock()
        early, self._since = now - self._since < GUARD_S, now
        if asking is None or early:
            return
        grant = asking.asked.grant
        if key == "y":
            self._answer(True)
        elif key == "n":
            self._open(Input(placeholder="no, because", compact=True))
        elif key == "e" and asking.call is not None:
            self._open(_Editor(self._draft(asking), single=self._runs_command))
            self.post_message(self.EditWanted())
        elif key == "a" and grant is not None:
            if self._confirms:
                self._answer(True, grant=grant)
            else:
                self._confirms = True
                self._draw_keys()

    def _answer(
        self,
        approved: bool,
        *,
        grant: Grant | None = None,
        feedback: str = "",
        edited: dict[str, Any] | None = None,
    ) -> None:
        if self._asking is None:
            return
        answer = ApprovalAnswered(
            call_id=self._asking.asked.call_id,
            approved=approved,
            by="user" if edited is None else "edit",
            grant=grant,
            feedback=feedback,
        )
        self.clear()
        self.post_message(self.Answered(answer, edited))

    # -- the input within

    @property
    def _runs_command(self) -> bool:
        """Whether the editor holds the command alone."""
        command = self._asking.command if self._asking else None
        return command is not None and inert(command) == command

    def _draft(self, asking: Asking) -> str:
        """Return what is edited: the command, or all arguments as JSON that a terminal may show."""
        if self._runs_command and asking.command is not None:
            return asking.command
        assert asking.call is not None, "there is something to edit"
        text = json.dumps(asking.call.arguments, ensure_ascii=False, indent=2)
        if inert(text) == text:
            return text
        return json.dumps(asking.call.arguments, indent=2)  # each odd character as its number

    def _open(self, wanted: Input | TextArea) -> None:
        self._confirms = False
        self._input = wanted
        self.mount(wanted, after=self._note)
        wanted.focus()
        self._draw_keys()

    def _close_input(self) -> None:
        if self._input is not None:
            self._input.remove()
            self._input = None

    def _back(self) -> None:
        """Close what is open within, and answer nothing."""
        self._close_input()
        self._confirms, self._error = False, ""
        self.focus()
        self._draw_keys()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Decline, with the word that was typed."""
        event.stop()
        self._answer(False, feedback=event.value.strip())

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Forget what was wrong with an earlier text."""
        event.stop()
        if self._error:
            self._error = ""
            self._draw_keys()

    def on__editor_done(self, event: _Editor.Done) -> None:
        """Take the changed call, where it is one."""
        event.stop()
        asking = self._asking
        if asking is None or asking.call is None:
            return
        arguments = asking.call.arguments
        try:
            edited = arguments | {"command": event.text} if self._runs_command else None
            edited = _object(event.text) if edited is None else edited
        except ValueError as error:
            self._error = str(error)
            self._draw_keys()
            return
        if edited == arguments:
            self._answer(True)
            return
        self._answer(False, feedback=CHANGED, edited=edited)


class _Editor(TextArea):
    """Where a call is changed; Enter is done with a command, Ctrl+S with anything."""

    class Done(Message):
        """The text is as the user wants it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str, *, single: bool) -> None:
        super().__init__(text, compact=True, highlight_cursor_line=False)
        self._single = single
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+s" or (self._single and event.key == "enter"):
            event.stop()
            event.prevent_default()
            self.post_message(self.Done(self.text))
        elif event.key in ("ctrl+j", "shift+enter", "alt+enter"):
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("the arguments are a JSON object")
    return found
