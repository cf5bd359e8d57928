"""Change a file: by its text, or by the name of a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import model_validator

from tools import patching, redefining, renaming
from tools.base import (
    Brief,
    Effect,
    Frozen,
    Names,
    Preview,
    Quotes,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
)
from tools.diagnostics.landing import landed
from tools.files import Change, Opened, changeable, check_syntax, effects_at, open_text
from tools.provenance import origin_of
from tools.symbols import definitions, find, new_errors
from tools.textfile import TextFile
from tools.truncate import cut_line

LEFT = 5  # lines that still have a name
SHOWN, AROUND = 16, 2  # lines that an answer shows of what was changed, of these around it
WIDTH = 200  # characters of each


class Replacement(Frozen):
    """One of several edits."""

    old: str = ""
    symbol: str = ""
    new: str

    @model_validator(mode="after")
    def _one_way(self) -> Replacement:
        if not self.old and not self.symbol:
            raise ValueError("give old or symbol, with new")
        return self


class EditArgs(Frozen):
    """Either one replacement, or a list of them; `all` replaces every match of `old`.

    Where both are given, `symbol` says where to look for `old`.
    """

    path: Annotated[str, Names("file")]
    old: Annotated[str, Quotes("passage")] = ""
    symbol: Annotated[str, Quotes("symbol")] = ""
    new: str = ""
    all: bool = False
    edits: tuple[Replacement, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> EditArgs:
        if self.edits:
            if self.old or self.symbol or self.new:
                raise ValueError("give either edits, or old/symbol with new")
        elif not self.old and not self.symbol:
            raise ValueError("give old or symbol, with new")
        elif "new" not in self.model_fields_set:
            raise ValueError("new is missing")
        return self

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """All of them, in order."""
        return self.edits or (Replacement(old=self.old, symbol=self.symbol, new=self.new),)


class Edit(Tool[EditArgs]):
    """Replace the exact text `old`, or a whole `symbol` (Class.method), by `new`; or `edits`."""

    name = "edit"
    args = EditArgs
    brief = Brief(
        ("path symbol+ new:", "path old+ new all?"),
        "Replace a `symbol` (function, setting, imports) by a code block, or text `old` by `new`.",
    )

    def effects(self, args: EditArgs, context: ToolContext) -> frozenset[Effect]:
        """Edit, and perhaps outside."""
        return effects_at(context, Effect.EDIT, args.path)

    def preview(self, args: EditArgs, context: ToolContext) -> Preview:
        """Return the diff; raises ToolError when the edit could not land."""
        change = plan(args, context)
        return Preview(kind="diff", title=f"edit {change.path} {change.size}", body=change.diff)

    def origin(self, args: EditArgs, context: ToolContext) -> str:
        """Name what nobody here wrote: what does not fit is quoted."""
        return origin_of(context.workspace, args.path, context.memory.created)

    async def run(self, args: EditArgs, context: ToolContext) -> ToolResult:
        """Land all of the edits, or none."""
        try:
            change = plan(args, context)
        except patching.Already as error:
            changed = changeable(context, args.path) in context.memory.changed
            if isinstance(error, patching.Same) and not changed:
                # it was not done before either: the model copied what it was to change
                raise ToolError(f"{args.path}: that is as it was; `new` must differ") from error
            return ToolResult(text=f"{args.path}: {error}", already=True)
        came = await landed(context, change)
        said = [f"edited {change.path} ({change.size} lines)", *change.notes, *came.sentences]
        left = [*left_over(change, " ".join((*came.sentences, *came.lines)))]
        text = "; ".join((*said, *left)) + as_it_is(change) + came.told
        return ToolResult(
            text=text,
            summary=f"{change.path} {change.size}",
            diff=change.diff,
            changed=(change.path,),
            broken=(*came.broken, *left),
        )


def plan(args: EditArgs, context: ToolContext) -> Change:
    """Return the change without making it; raises ToolError when it cannot be made."""
    opened = open_text(context, args.path)
    file = opened.file
    notes: list[str] = []
    for number, replacement in enumerate(args.replacements, 1):
        try:
            file = _replaced(opened, file, replacement, args.all, notes)
        except patching.NoMatch as error:
            if not args.edits:
                raise
            if isinstance(error, patching.Already):
                continue
            raise ToolError(
                f"edit {number} of {len(args.edits)}, so none was made: {error}"
            ) from error
    if file.text == opened.file.text:
        raise patching.Same("nothing would change; the file is as you want it")
    file.encode()  # raises for characters that the file's encoding does not have
    check_syntax(opened.path, opened.file.text, file.text)
    return Change(opened.path, opened, file, tuple(dict.fromkeys(notes)))


def as_it_is(change: Change) -> str:
    """Return the changed lines as they are now, and what stands around them; empty if too many."""
    old = change.before.file.text.split("\n") if change.before else []
    new = change.after.text.split("\n")
    ends = range(min(len(old), len(new)))
    first = next((at for at in ends if old[at] != new[at]), len(ends))
    last = len(new) - next((at for at in ends if old[-1 - at] != new[-1 - at]), len(ends))
    first, last = max(0, first - AROUND), min(len(new), max(last, first) + AROUND)
    if last - first > SHOWN:
        return ""
    lines = "\n".join(cut_line(line, WIDTH) for line in new[first:last]).rstrip()
    return f". Lines {first + 1}-{last} are now:\n{lines}"


def left_over(change: Change, told: str = "") -> Iterator[str]:
    """Yield where a name still stands in the file whose only definition there an edit took away.

    Not of one that was `told` already.
    """
    if change.before is None:
        return
    path, old, new = change.path, change.before.file.text, change.after.text
    kept = {each.short for each in definitions(path, new)}
    gone = {each.short for each in definitions(path, old)} - kept
    for name in sorted(gone):
        uses = [match.start() for match in re.finditer(rf"\b{re.escape(name)}\b", new)]
        lines = list(dict.fromkeys(patching.line_at(new, at) for at in uses))
        if lines and not re.search(rf"[`'\"]{re.escape(name)}[`'\"]", told):
            more = ", …" if lines[LEFT:] else ""
            where = ", ".join(map(str, lines[:LEFT])) + more
            yield f"`{name}` is defined here no more, and still named in line {where}"


def _replaced(
    opened: Opened, file: TextFile, replacement: Replacement, every: bool, notes: list[str]
) -> TextFile:
    """Return the file with one replacement made."""
    symbol, old, new = replacement.symbol, replacement.old, replacement.new
    defined = definitions(opened.path, file.text) if renaming.is_name(new) and not old else []
    if find(defined, symbol):
        splices = renaming.rename(opened.path, file.text, symbol, new)
    elif not old:
        splices = [redefining.by_symbol(opened.path, file.text, symbol, new)]
    else:
        span = redefining.span_of(opened.path, file.text, symbol)
        splices = _as_meant(opened.path, file, patching.by_text(file.text, old, new, every, span))
    for splice in splices:
        file = file.spliced(splice.start, splice.end, splice.new)
        if splice.note:
            notes.append(splice.note)
    return file


def _as_meant(path: str, file: TextFile, splices: list[patching.Splice]) -> list[patching.Splice]:
    """Indent the lines of `new` where they only parse so: `old` was quoted without its blanks."""
    if len(splices) != 1:
        return splices
    (splice,) = splices
    moved = patching.shifted(file.text, splice)
    if moved is None or not new_errors(path, file.text, _text_after(file, splice)):
        return splices
    return splices if new_errors(path, file.text, _text_after(file, moved)) else [moved]


def _text_after(file: TextFile, splice: patching.Splice) -> str:
    return file.text[: splice.start] + splice.new + file.text[splice.end :]
