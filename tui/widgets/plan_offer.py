"""The card of a plan: accepted whole or by item, edited in the prompt, or left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.style import Style

from agent.policy import Autonomy
from agent.terminal import exact, inert
from tools.base import PlanItem
from tui import theme
from tui.widgets.approval import GUARD_S
from tui.widgets.asking import flow
from tui.widgets.drawn import Drawn

EMPTY = "no item is on: space switches one on"
BEGINS = "Do this plan:"
_LEVELS = {"a": Autonomy.EDIT, "A": Autonomy.RUN}
_ON, _OFF = "☑", "☐"
_MOVES = {"up": -1, "down": 1, "k": -1, "j": 1}


class PlanOffer(Vertical, can_focus=True):
    """Offers a plan, `show`, and posts what the user makes of it; hidden while there is none.

    Items that are done are off at first. `way_in` is the key that the app gives the focus with;
    `clock` tells seconds.
    """

    DEFAULT_CSS = """
    PlanOffer { height: auto; border: round $warning; padding: 0 1; display: none; }
    PlanOffer.-there { display: block; }
    PlanOffer:focus { border: round $primary; }
    PlanOffer VerticalScroll { height: auto; max-height: 40vh; scrollbar-size-vertical: 1; }
    """

    class Accepted(Message):
        """The user wants these items done, with the slider at this level."""

        def __init__(self, items: tuple[str, ...], level: Autonomy) -> None:
            super().__init__()
            self.items = items
            self.level = level

    class EditWanted(Message):
        """The user wants to change the plan, as text, before it is sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The user wants none of it now."""

    def __init__(self, *, way_in: str = "Tab", clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._way_in, self._clock = way_in, clock
        self._plan: tuple[PlanItem, ...] = ()
        self._on: list[bool] = []
        self._at = 0
        self._since = 0.0  # seen, and no letter pressed
        self._empty = False  # an empty plan was about to be accepted
        self._items, self._keys = Drawn(self._lines), Drawn(self._told)
        self._scroll = VerticalScroll(self._items, can_focus=False)

    def compose(self) -> ComposeResult:
        """Put the items over the keys."""
        yield self._scroll
        yield self._keys

    @property
    def plan(self) -> tuple[PlanItem, ...]:
        """What is offered, and nothing was said of yet."""
        return self._plan

    def show(self, plan: Sequence[PlanItem]) -> None:
        """Offer a plan; one without items is none."""
        self._plan = tuple(plan)
        self._on = [each.state != "done" for each in self._plan]
        self._at, self._empty, self._since = 0, False, self._clock()
        self.border_title = "a plan"
        self.set_class(bool(self._plan), "-there")
        self._scroll.scroll_home(animate=False)
        self._draw()

    def clear(self) -> None:
        """Offer nothing."""
        self._plan, self._on = (), []
        self.set_class(False, "-there")

    def text(self) -> str:
        """Return the items that are on as text to be edited."""
        lines = [f"{number}. {inert(item)}" for number, item in enumerate(self._chosen(), 1)]
        return "\n".join([BEGINS, *lines])

    def _chosen(self) -> tuple[str, ...]:
        pairs = zip(self._plan, self._on, strict=True)
        return tuple(" ".join(item.text.split()) for item, on in pairs if on)

    # -- answering

    def on_focus(self) -> None:
        """Show that keys answer now."""
        self._draw()

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Go through the items, switch them, accept, edit, or leave."""
        key = event.character if event.character in _LEVELS else event.key
        # any letter: somebody may be typing who takes the card for the prompt
        now = self._clock()
        early = now - self._since < GUARD_S
        self._since = now if event.is_printable else self._since
        if key == "escape":
            self.clear()
            self.post_message(self.Left())
        elif key in _MOVES:
            self._go(min(max(self._at + _MOVES[key], 0), len(self._plan) - 1))
        elif key == "space":
            self._switch(self._at)
        elif key.isdecimal():
            self._switch(int(key) - 1)
        elif event.is_printable:
            if not early:
                self._choose(key)
        else:
            return
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """Switch the item that is clicked, or take a key that is clicked for pressed."""
        if (item := event.style.meta.get("item")) is not None:
            event.stop()
            self._switch(int(item))
        elif choice := event.style.meta.get("choice"):
            event.stop()
            if self._clock() - self._since >= GUARD_S:
                self._choose(str(choice))

    def _go(self, at: int) -> None:
        self._at = at
        self._draw()
        width = self._items.size.width
        top = sum(len(self._item(each, width)) for each in range(at))
        here = Region(0, top, 1, len(self._item(at, width)))
        self._scroll.scroll_to_region(here, animate=False)

    def _switch(self, at: int) -> None:
        if 0 <= at < len(self._on):
            self._on[at] = not self._on[at]
            self._empty = False
            self._go(at)

    def _choose(self, key: str) -> None:
        if not self._plan or key not in (*_LEVELS, "e"):
            return
        items, text = self._chosen(), self.text()
        if not items:
            self._empty = True
            self._draw()
            return
        self.clear()
        answer = self.EditWanted(text) if key == "e" else self.Accepted(items, _LEVELS[key])
        self.post_message(answer)

    # -- drawing

    def _draw(self) -> None:
        count, on = len(self._plan), sum(self._on)
        self.border_subtitle = f"{on} of {count} on" if count else ""
        self._items.show(self._lines)
        self._keys.show(self._told)

    def _lines(self, width: int) -> list[Content]:
        return [line for at in range(len(self._plan)) for line in self._item(at, width)]

    def _item(self, at: int, width: int) -> list[Content]:
        item, on = self._plan[at], self._on[at]
        numbers = len(str(len(self._plan)))
        mark = "▸ " if at == self._at and self.has_focus else "  "
        done = "  done" if item.state == "done" else ""
        text = Content.assemble(
            (exact(" ".join(item.text.split())), "" if on else theme.DIM), (done, theme.DIM)
        )
        lead = Content.assemble(
            (mark, theme.NAME),
            (f"{_ON if on else _OFF} ", theme.GOOD if on else theme.DIM),
            (f"{at + 1:>{numbers}} ", theme.DIM),
        )
        pick = Style.from_meta({"item": at})
        lines = []
        for number, part in enumerate(text.wrap(max(8, width - lead.cell_length))):
            head = " " * lead.cell_length if number else lead
            lines.append(Content.assemble(head, part).stylize(pick))
        return lines

    def _told(self, width: int) -> list[Content]:
        short = width < 90
        parts = []
        if not self.has_focus:
            parts.append(Content.styled(f"{self._way_in} to answer:", theme.NAME))
        for key, level in _LEVELS.items():
            said = f"accept at {level.name}" if short else f"accept, slider to {level.name}"
            parts.append(self._key(key, said))
        parts.append(self._key("e", "edit" if short else "edit first"))
        parts += [Content.styled(each, theme.DIM) for each in ("space on/off", "Esc leaves")]
        lines = flow(parts, width)
        if self._empty:
            lines.insert(0, Content.styled(f"{theme.FAILED} {EMPTY}", theme.BAD))
        return lines

    def _key(self, key: str, text: str) -> Content:
        style = f"{theme.STRONG} {theme.NAME}" if self.has_focus else theme.DIM
        return Content.assemble((key, style), f" {text}").stylize(Style.from_meta({"choice": key}))
