"""What an approval shows: the call, why it asks, what it would do, and how it can be answered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style

from agent.events import ApprovalAsked
from agent.policy import Stance
from agent.terminal import exact, size
from tools.base import Effect, ToolCall
from tui import theme
from tui.words import allowing, beyond_reading, clip

LABEL = 8  # cells of the first column
LONG = 12  # lines of a text, from which on its size is said
MANY = 600  # characters, likewise


@dataclass(frozen=True, slots=True)
class Asking:
    """One approval as it is put to a person; `call` is what was requested, where it is known."""

    asked: ApprovalAsked
    call: ToolCall | None
    stance: Stance

    @property
    def command(self) -> str | None:
        """The command of a call of `shell`, None for any other."""
        given = self.call.arguments.get("command") if self.call else None
        wanted = self.call is not None and self.call.name == "shell"
        return given if wanted and isinstance(given, str) and given else None

    @property
    def _is_in_head(self) -> bool:
        """Whether the title only says the tool again, and the body is one line."""
        preview = self.asked.preview
        named = self.call is not None and preview.title == self.call.name
        return named and bool(preview.body) and "\n" not in preview.body

    # -- the part that never scrolls

    def head(self, width: int) -> list[Content]:
        """Return the call with its effects, what it asks for besides, and why it asks."""
        asked, title = self.asked, self.asked.preview.title
        name = clip(exact(self.call.name), LABEL - 1) if self.call else "call"
        what, more = title, ""
        if self.call and title.startswith(f"{self.call.name} "):
            what = title.removeprefix(f"{self.call.name} ")
        elif self._is_in_head:
            what = self.asked.preview.body
        if self.command is not None:
            text = self.command.strip("\n")
            what = size(text) if "\n" in text or cell_len(exact(text)) > 2 * width else text
            more = title.removeprefix("run").strip().removeprefix("(").removesuffix(")")
        effects = Content.styled(beyond_reading(asked.effects), theme.WARM)
        rows = row(name, Content.styled(exact(what), theme.STRONG), width, effects)
        if more:
            rows += row("with", Content.styled(exact(more), theme.WARM), width)
        rows += row("why", Content.styled(exact(asked.reason), theme.DIM), width)
        if asked.taint is not None:
            source = exact(asked.taint.source)
            warning = f"! text from {source} was read and may have asked for this"
            rows += row("beware", Content.styled(warning, theme.BAD), width)
        return rows

    # -- the part that scrolls

    def body(self, width: int) -> list[Content]:
        """Return the preview, what each part of a command does, and the foreign text."""
        preview, lines = self.asked.preview, []
        if self.command is not None:
            lines += self._command(self.command, width)
        elif preview.kind == "diff":
            lines += diff(preview.body, width)
        elif preview.body and not self._is_in_head:
            lines += _plain(preview.body, width)
        shown = self.command if self.command is not None else preview.body
        if shown.count("\n") >= LONG or len(shown) > MANY:
            lines.insert(0, Content.styled(size(shown), theme.DIM))
        if self.asked.taint is not None:
            lines.append(Content.styled("what was read begins", theme.DIM))
            lines += _plain(self.asked.taint.text, width, "│ ", theme.DIM)
        return lines

    def _command(self, command: str, width: int) -> list[Content]:
        from tools.commands import parts_of

        text = command.strip("\n")
        short = "\n" not in text and cell_len(exact(text)) <= 2 * width  # the head has it
        lines = [] if short else _plain(text, width)
        parts = parts_of(command)
        if parts[0][0] == "not understood":
            told = "not understood, so it counts as the worst it could be"
            return [*lines, *row("parts", Content.styled(told, theme.WARM), width)]
        if len(parts) < 2:
            return lines
        labels = chain(["parts"], [""] * len(parts))
        for label, (part, effects) in zip(labels, parts, strict=False):
            worst = effects - {Effect.READ}
            said = Content.styled(beyond_reading(effects), theme.WARM if worst else theme.FAINT)
            lines += row(label, Content(exact(part)), width, said)
        return lines

    # -- the answers

    def choices(self, width: int, focused: bool, way_in: str) -> list[Content]:
        """Return the keys that answer, as many lines as they need."""
        narrow = width < 90
        found = [_choice("y", "once", focused)]
        if (grant := self.asked.grant) is not None:
            found.append(_choice("a", f"always: {clip(exact(str(grant)), 36)}", focused))
        found.append(_choice("n", "no + why" if narrow else "no, and say why", focused))
        if self.call is not None:
            found.append(_choice("e", "edit" if narrow else "edit first", focused))
        level = allowing(self.asked.effects, self.stance)
        would = "no level allows this" if level is None else f"{level.name} would allow this"
        found.append(Content.styled(f"Shift+Tab → slider ({would})", theme.DIM))
        if not focused:
            found.insert(0, Content.styled(f"{way_in} to answer:", theme.NAME))
        return flow(found, width)


def row(label: str, what: Content, width: int, right: Content | None = None) -> list[Content]:
    """Return a label and a text beside it; `right` stands at the end of its first line."""
    room = max(8, width - LABEL)
    beside = right is not None and what.cell_length + 2 + right.cell_length <= room
    lines = []
    for number, line in enumerate(what.wrap(room)):
        head = " " * LABEL if number else label.ljust(LABEL)
        lines.append(Content.assemble((head, theme.DIM), line))
    if right is not None:
        if not beside:
            lines.append(Content(""))
        gap = width - lines[-1].cell_length - right.cell_length
        lines[-1] = Content.assemble(lines[-1], " " * max(0, gap), right)
    return lines


def flow(parts: list[Content], width: int) -> list[Content]:
    """Put parts beside each other, and on another line where there is no room for one."""
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + 3 + part.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], "   ", part)
        else:
            lines += part.wrap(width)
    return lines


def diff(text: str, width: int) -> list[Content]:
    """Return a unified diff, each line spelt out for a decision."""
    lines: list[Content] = []
    begun, room = False, max(8, width - 2)
    for line in text.splitlines():
        begun = begun or line.startswith("@@")
        if not begun and line.startswith(("--- ", "+++ ")):
            continue  # the title has the name
        if line.startswith("@@"):
            lines += Content.styled(exact(line), theme.FAINT).wrap(width)
            continue
        sign, rest = (line[:1], line[1:]) if begun and line[:1] in _SIGNS else (" ", line)
        signed, style = _SIGNS[sign]
        for number, part in enumerate(_wrapped(exact(rest), room)):
            filled = part + " " * (room - cell_len(part)) if style else part
            lines.append(Content.assemble((" " if number else sign, signed), (f" {filled}", style)))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    if text.isascii() and len(text) <= width:
        return [text]  # most are; wrapping takes its time
    return [part.plain for part in Content(text).wrap(width)] or [""]


_SIGNS = {
    "+": (theme.ADDED_SIGN, theme.ADDED),
    "-": (theme.REMOVED_SIGN, theme.REMOVED),
    " ": ("", ""),
}


def _plain(text: str, width: int, bar: str = "", style: str = "") -> list[Content]:
    """Return a text spelt out; lines have numbers, so that a wrapped one is not taken for two."""
    lines: list[Content] = []
    whole = exact(text.rstrip("\n")).split("\n")
    wide = len(str(len(whole)))
    for number, line in enumerate(whole, 1):
        first = bar or (f"{number:>{wide}} " if len(whole) > 1 else "")
        for at, part in enumerate(_wrapped(line, max(8, width - len(first)))):
            gutter = first if bar or not at else " " * len(first)
            lines.append(Content.assemble((gutter, theme.FAINT), (part, style)))
    return lines


def _choice(key: str, text: str, focused: bool) -> Content:
    style = f"{theme.STRONG} {theme.NAME}" if focused else theme.DIM
    said = Content.assemble((key, style), f" {text}")
    return said.stylize(Style.from_meta({"choice": key}))
