"""Markdown as lines of a width: headings at the left, code with colours, tables where they fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from textual.content import Content

from tui.cards.code import coloured
from tui.cards.lines import PROSE, clean, decoration, rule, under, wrap
from tui.theme import DIM, STRONG

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_GROWING = 200  # lines of code that get colours while more is coming
_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_CODE = "bold $secondary"


class Flow:
    """Markdown that grows, at one width: what is complete is rendered once."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._done: list[Content] = []
        self._at = 0  # where in the source the last block begins

    def lines(self, source: str, whole: bool) -> list[Content]:
        """Return the lines of a source that only grows between two calls."""
        tail = source[self._at :]
        blocks = _parse(clean(tail))
        for block in blocks[:-1]:
            self._done += [*_render(block, self.width), Content("")]
        if not blocks:
            return self._done[:-1]
        if len(blocks) > 1:
            begins = blocks[-1].map[0] if blocks[-1].map else 0
            self._at += sum(map(len, tail.split("\n")[:begins])) + begins
        return self._done + _render(blocks[-1], self.width, growing=not whole)


def _parse(source: str) -> list[SyntaxTreeNode]:
    from markdown_it.tree import SyntaxTreeNode

    return list(SyntaxTreeNode(_parser().parse(source)).children)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _render(node: SyntaxTreeNode, width: int, growing: bool = False) -> list[Content]:
    """Return the lines of one block."""
    width = max(4, width)
    prose = min(width, PROSE)
    match node.type:
        case "heading":
            style = "bold underline" if node.tag == "h1" else STRONG
            return wrap(_inline(node.children, style), prose)
        case "paragraph":
            return wrap(_inline(node.children), prose)
        case "bullet_list":
            return _items(node, width, ["• "] * len(node.children))
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            names = [f"{first + at}. " for at in range(len(node.children))]
            return _items(node, width, [name.rjust(len(names[-1])) for name in names])
        case "blockquote":
            inner = _blocks(node.children, width - 2)
            return under("│ ", [line.stylize_before(DIM) for line in inner], "│ ")
        case "fence" | "code_block":
            return _code(node.content, node.info, width, growing)
        case "hr":
            return [rule(prose)]
        case "table":
            return _table(node, width)
        case _:
            return wrap(Content(clean(node.content.rstrip("\n"))), width)


def _blocks(nodes: Sequence[SyntaxTreeNode], width: int) -> list[Content]:
    out: list[Content] = []
    for at, node in enumerate(nodes):
        # within an item a list follows its words closely
        out += [Content("")] if at and not node.type.endswith("_list") else []
        out += _render(node, width)
    return out


def _items(node: SyntaxTreeNode, width: int, marks: Sequence[str]) -> list[Content]:
    out: list[Content] = []
    for mark, item in zip(marks, node.children, strict=True):
        lines = _blocks(item.children, width - len(mark)) or [Content("")]
        out.append(Content(mark) + lines[0])
        out += [Content(" " * len(mark)) + line for line in lines[1:]]
    return out


def _code(code: str, info: str, width: int, growing: bool) -> list[Content]:
    code = clean(code.removesuffix("\n"))
    words = info.split()
    language = words[0].lower() if words else ""
    if growing and code.count("\n") > _GROWING:
        language = ""
    lines: Iterable[Content] = coloured(code, language)
    if growing and language:
        head, _, last = code.rpartition("\n")
        lines = (*(coloured(head, language) if head else ()), Content(last))
    return [
        Content.assemble(decoration("  "), piece)
        for line in lines
        for piece in (line.fold(width - 2) if line.cell_length > width - 2 else [line])
    ]


def _table(node: SyntaxTreeNode, width: int) -> list[Content]:
    rows = [
        [_inline(cell.children) for cell in line.children]
        for part in node.children
        for line in part.children
    ]
    wide = [max(row[at].cell_length for row in rows) for at in range(len(rows[0]))]
    if sum(wide) + 2 * (len(wide) - 1) > width or any("\n" in c.plain for r in rows for c in r):
        return _listed(rows, width)
    out = []
    for at, row in enumerate(rows):
        cells = [cell.pad_right(wide[n] - cell.cell_length) for n, cell in enumerate(row)]
        line = Content("  ").join(cells).rstrip()
        out.append(line if at else line.stylize(STRONG))
        if not at:
            out.append(decoration("  ".join("─" * each for each in wide)))
    return out


def _listed(rows: list[list[Content]], width: int) -> list[Content]:
    """Return a table that is too wide as a list: each value after the name of its column."""
    out: list[Content] = []
    for row in rows[1:]:
        for at, (name, value) in enumerate(zip(rows[0], row, strict=True)):
            line = Content.assemble(name.stylize(DIM), ": ", value)
            out += under("  " if at else "• ", wrap(line, min(width, PROSE) - 2))
    return out


def _inline(nodes: Sequence[SyntaxTreeNode], style: str = "") -> Content:
    return Content.assemble(*(part for node in nodes for part in _parts(node, style)))


def _parts(node: SyntaxTreeNode, style: str) -> list[tuple[str, str]]:
    match node.type:
        case "softbreak" | "hardbreak":
            return [("\n", style)]
        case "code_inline":
            return [(clean(node.content), f"{style} {_CODE}".strip())]
        case "link" | "image":
            words = [part for each in node.children for part in _parts(each, style)]
            goal = clean(str(node.attrs.get("href") or node.attrs.get("src") or ""))
            said = "".join(text for text, _ in words)
            lead = [("picture: ", style)] if node.type == "image" else []
            shown = [] if goal in ("", said) else [(f" ({goal})", f"{style} {DIM}".strip())]
            return [*lead, *((text, f"{how} underline".strip()) for text, how in words), *shown]
        case kind if node.children:
            inner = f"{style} {_STYLES.get(kind, '')}".strip()
            return [part for each in node.children for part in _parts(each, inner)]
        case _:
            return [(clean(node.content), style)]
