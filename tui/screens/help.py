"""Every key and every command, as they are bound; found by typing."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from agent.policy import Autonomy, Stance
from sandbox.base import Containment
from tui import theme
from tui.cards.lines import NOTHING, counted, dim, one_line, wrap
from tui.commands import ALIASES, Command
from tui.keys import EVERYWHERE, MAIN, PLAYBACK
from tui.widgets.drawn import Drawn
from tui.words import notch

_NAMES = {
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "underscore": "_",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "backspace": "Backspace",
}
# what the actions of the prompt do; the keys are asked of it
PROMPT = {
    "cursor_up": "a line up; on the first, back in the history, or take a queued prompt back",
    "cursor_down": "a line down; on the last, forth in the history",
    "cursor_left": "a letter to the left",
    "cursor_right": "a letter to the right",
    "cursor_word_left": "a word to the left",
    "cursor_word_right": "a word to the right",
    "cursor_line_start": "to the beginning of the line",
    "cursor_line_end": "to the end of the line",
    "delete_left": "delete a letter",
    "delete_right": "delete the next letter",
    "delete_right_of_text": "delete the next letter",
    "delete_word_left": "delete a word",
    "delete_word_right": "delete the next word",
    "delete_to_start_of_line": "delete to the beginning of the line",
    "delete_to_end_of_line_or_delete_line": "delete to the end of the line",
    "yank": "put in what was deleted last",
    "undo": "undo",
    "redo": "redo",
    "copy": "copy what is selected",
    "paste": "paste",
    "new_line": "a new line",
    "search": "search the history",
    "unfold": "show a folded paste, or fold it",
    "editor": "write it in your own editor",
}
# keys that a widget takes itself
TYPED = (
    ("Enter", "send; while a turn runs the model reads it before its next step"),
    ("\\ Enter", "a new line, on any terminal"),
    ("Ctrl+X Ctrl+E", "write it in your own editor"),
    ("Tab", "take what is offered"),
    ("@", "name a file, a definition, diff or failing"),
    ("/", "a command, at the beginning"),
    ("!", "run a command yourself, at the beginning"),
    ("Shift with ←→↑↓", "select"),
)
APPROVAL = (
    ("y", "once"),
    ("a", "always: shows the rule; a again keeps it"),
    ("n", "no, with a word to the model"),
    ("e", "change the call first"),
    ("↑ ↓ PgUp PgDn", "scroll what is asked"),
    ("Esc", "back to the prompt; it still waits"),
)
QUESTION = (
    ("1-9", "pick an answer"),
    ("Enter", "send what is typed"),
    ("Esc", "give no answer"),
)
PLAN = (
    ("Space", "switch an item off or on"),
    ("a", "accept what is on, at level EDIT"),
    ("A", "accept what is on, at level RUN"),
    ("e", "change the plan in the prompt"),
    ("Esc", "leave it"),
)
_KEYS = ("type to search   ↑ ↓ PgUp PgDn scroll   Esc closes", "type to search   Esc closes")
_WIDE, _NARROW = 26, 17  # cells of the first column


@dataclass(frozen=True, slots=True)
class Entry:
    """One key or command, and what it does."""

    keys: str
    about: str

    def matches(self, words: Iterable[str]) -> bool:
        """Whether all the words stand in it."""
        text = f"{self.keys} {self.about}".casefold()
        return all(word in text for word in words)


Group = tuple[str, tuple[Entry, ...]]


def key_name(key: str) -> str:
    """Return a key as it is printed on a keyboard: `Ctrl+C`, `PgUp`, `]`."""
    *held, last = key.split("+")
    name = _NAMES.get(last, last if len(last) == 1 else last.capitalize())
    held = [_NAMES.get(each, each.capitalize()) for each in held]
    return "+".join([*held, name.upper() if held and len(name) == 1 else name])


def entries_of(bindings: Iterable[BindingType], without: Container[str] = ()) -> tuple[Entry, ...]:
    """Return bindings in their order; those that do the same stand together.

    `without` are keys that somebody else takes before.
    """
    found: dict[str, list[str]] = {}
    for each in bindings:
        if not isinstance(each, Binding):
            continue  # we bind none without its words
        about = each.description
        about = about[:1].lower() + about[1:] if about[1:2].islower() else about
        names = found.setdefault(about, [])
        for key in each.key.split(","):
            if key not in without and key_name(key) not in names:
                names.append(key_name(key))
    return tuple(Entry(" ".join(keys), about) for about, keys in found.items() if about and keys)


def taken() -> set[str]:
    """Return the keys that count everywhere, whoever has the focus."""
    return {key for each in EVERYWHERE if each.priority for key in each.key.split(",")}


def groups(commands: Mapping[str, Command]) -> list[Group]:
    """Return all there is, in the order in which it is needed."""
    from tui.screens.changes import Changes
    from tui.screens.first import First
    from tui.screens.models import Models
    from tui.screens.policy import Policy
    from tui.screens.rewind import Timeline
    from tui.screens.sessions import Sessions
    from tui.widgets.prompt import Prompt
    from tui.widgets.transcript import Transcript

    screens: dict[str, type[ModalScreen[Any]]] = {
        "policy (F2)": Policy,
        "changes (F3)": Changes,
        "sessions (F4)": Sessions,
        "rewind (F5)": Timeline,
        "models (F6)": Models,
        "loading a model": First,
    }
    return [
        ("everywhere", entries_of((*EVERYWHERE, *MAIN))),
        ("levels, where commands are contained", _levels()),
        ("commands", tuple(map(_command, commands.values()))),
        ("prompt", (*_entries(TYPED), *_prompt(Prompt.BINDINGS, taken()))),
        ("transcript", entries_of(Transcript.BINDINGS, taken())),
        ("an approval", _entries(APPROVAL)),
        ("a question of the model", _entries(QUESTION)),
        ("a plan", _entries(PLAN)),
        *((name, entries_of(screen.BINDINGS)) for name, screen in screens.items()),
        ("agent sessions replay", entries_of(PLAYBACK)),
    ]


def playback_groups(commands: Mapping[str, Command]) -> list[Group]:
    """Return the keys of a session that is played back, which has no commands."""
    from tui.widgets.transcript import Transcript

    before = {key for each in PLAYBACK if each.priority for key in each.key.split(",")}
    return [
        ("a session played back", entries_of(PLAYBACK)),
        ("its transcript, behind Tab", entries_of(Transcript.BINDINGS, before)),
    ]


class Help(ModalScreen[None]):
    """Shows all keys and `commands`, or those in which the typed words stand.

    `told` groups them, for a screen that has not all of them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "search nothing, or close"),
        Binding("f1", "dismiss", "close"),
        Binding("up", "scroll(-1)", "scroll up"),
        Binding("down", "scroll(1)", "scroll down"),
        Binding("pageup", "page(-1)", "a page up"),
        Binding("pagedown", "page(1)", "a page down"),
    ]

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > Vertical {
        width: 100%; max-width: 112; height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        border-subtitle-color: $text-muted;
    }
    Help Input { border: none; padding: 0; height: 1; margin: 0 0 1 0; background: $surface; }
    Help VerticalScroll { scrollbar-size-vertical: 1; }
    """

    def __init__(
        self,
        commands: Mapping[str, Command],
        told: Callable[[Mapping[str, Command]], list[Group]] = groups,
    ) -> None:
        super().__init__()
        self._commands, self._told = commands, told
        self._groups: list[Group] = []
        self._words: list[str] = []
        self._drawn = Drawn(self._lines)
        self._scroll = VerticalScroll(self._drawn, can_focus=False)

    def compose(self) -> ComposeResult:
        """Put all of it below what is searched."""
        box = Vertical(Input(placeholder="search keys and commands", compact=True), self._scroll)
        box.border_title = "help"
        yield box

    def on_mount(self) -> None:
        """Ask every part for its keys."""
        self._groups = self._told(self._commands)
        self._drawn.show(self._lines)
        self.query_one(Input).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Say the keys as there is room."""
        room = self.size.width - 6
        box = self.query_one(Vertical)
        box.border_subtitle = next((each for each in _KEYS if len(each) <= room), _KEYS[-1])

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._words = event.value.casefold().split()
        self._drawn.show(self._lines)
        self._scroll.scroll_home(animate=False)

    # -- keys

    def action_scroll(self, by: int) -> None:
        """Scroll by a line."""
        self._scroll.scroll_relative(y=by, animate=False)

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        by = direction * max(1, self._scroll.size.height - 1)
        self._scroll.scroll_relative(y=by, animate=False)

    def action_back(self) -> None:
        """Search nothing, else close."""
        search = self.query_one(Input)
        if search.value:
            search.value = ""
        else:
            self.dismiss(None)

    # -- drawing

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        first = _WIDE if width >= 80 else _NARROW
        found = 0
        for name, entries in self._groups:
            whole = all(word in name.casefold() for word in self._words)
            kept = [each for each in entries if whole or each.matches(self._words)]
            found += len(kept)
            if kept:
                lines += [NOTHING] if lines else []
                lines.append(Content.styled(name, theme.STRONG))
                lines += [line for each in kept for line in _drawn(each, first, width)]
        if self._groups and not found:
            lines.append(dim("no key and no command of this name"))
        elif self._words:
            lines += [NOTHING, dim(f"{counted(found, 'line')} found")]
        return lines


# -- within


def _entries(pairs: Iterable[tuple[str, str]]) -> tuple[Entry, ...]:
    return tuple(Entry(keys, about) for keys, about in pairs)


def _prompt(bindings: Iterable[BindingType], without: Container[str]) -> tuple[Entry, ...]:
    told = [each for each in bindings if isinstance(each, Binding) and each.action in PROMPT]
    named = (Binding(each.key, each.action, PROMPT[each.action]) for each in told)
    return entries_of(named, without)


def _levels() -> tuple[Entry, ...]:
    """Return what each level means, made from the table."""
    stances = (Stance(level, Containment.FULL) for level in Autonomy)
    return tuple(
        Entry(f"{int(each.autonomy)} {each.autonomy.name}", notch(each)[0]) for each in stances
    )


def _command(command: Command) -> Entry:
    about = one_line(command.about)
    others = [f"/{name}" for name, meant in ALIASES.items() if meant == command.name]
    about += f"; also {' '.join(others)}" if others else ""
    about += f"   ({command.source})" if command.source else ""
    return Entry(one_line(f"/{command.name} {command.takes}").rstrip(), about)


def _drawn(entry: Entry, first: int, width: int) -> list[Content]:
    """Return an entry as lines: its keys, and beside them what it does."""
    keys = Content.styled(entry.keys, theme.NAME).wrap(first - 3)
    about = wrap(Content(entry.about), max(8, width - first))
    rows = max(len(keys), len(about))
    keys += [NOTHING] * (rows - len(keys))
    about += [NOTHING] * (rows - len(about))
    return [
        Content.assemble("  ", key, " " * (first - 2 - key.cell_length), text)
        for key, text in zip(keys, about, strict=True)
    ]
