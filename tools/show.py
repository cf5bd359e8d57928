"""Show the user something: a table, a plot, a diagram, a picture."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated

from sandbox.workspace import FileView, read_outside
from tools.base import Effect, Frozen, Names, Tool, ToolContext, ToolError, ToolResult
from tools.callgraph import calls
from tools.files import effects_at, refusals
from tools.modulegraph import modules
from tools.plotting import KEPT, plot_of
from tools.provenance import origin_of
from tools.shown import (
    CHARACTERS,
    COLUMNS,
    PICTURE,
    ROWS,
    Graph,
    Grid,
    Kind,
    Shown,
    Still,
    brief,
)
from tools.steps import steps
from tools.stills import Broken, bare
from tools.tabular import Rows, rows_of
from tools.textfile import NotText, TextFile

READ = 16 << 20  # bytes of a longer file that are looked at
GRAPHS = ("flow", "sequence", "calls", "modules")


class ShowArgs(Frozen):
    """What to show, and what of."""

    kind: Kind
    data: str = ""
    path: Annotated[str, Names("file")] = ""
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    title: str = ""


class Show(Tool[ShowArgs]):
    """Show the user a table, plot, diagram or image.

    A table or plot is of `data` (CSV with a header, the first column goes across) or of a CSV, TSV
    or JSON file at `path`; a flow or sequence of lines `a -> b: label` in `data`; calls and modules
    of the files, folders or functions in `names`; an image is at `path`.
    """

    name = "show"
    args = ShowArgs

    def effects(self, args: ShowArgs, context: ToolContext) -> frozenset[Effect]:
        """Read, and perhaps outside."""
        return effects_at(context, Effect.READ, args.path)

    def origin(self, args: ShowArgs, context: ToolContext) -> str:
        """Name what nobody here wrote: a refusal may quote it."""
        memory, workspace = context.memory, context.workspace
        paths = [args.path, *(args.names if args.kind in GRAPHS else ())]
        every = (origin_of(workspace, path, memory.created) for path in filter(None, paths))
        return next(filter(None, every), "")

    async def run(self, args: ShowArgs, context: ToolContext) -> ToolResult:
        """Return what is shown as data; the model is told only that it was."""
        shown = await asyncio.to_thread(_shown, args, context)
        said = _said(shown)
        notes = "".join(f"; {each}" for each in shown.notes)
        text = f"shown to the user: {args.kind} of {said}{notes}"
        return ToolResult(text=text, summary=said, shown=shown)


def _shown(args: ShowArgs, context: ToolContext) -> Shown:
    about = {"kind": args.kind, "title": brief(args.title)}
    match args.kind:
        case "image":
            still, source = _still(args, context)
            return Shown(**about, source=source, still=still)
        case "flow" | "sequence" | "calls" | "modules":
            graph, notes = _graph(args, context)
            return Shown(**about, notes=notes, graph=graph)
        case "table":
            rows, source, more = _rows(args, context, ROWS)
            grid, notes = _grid(rows)
            return Shown(**about, source=source, notes=(*more, *notes), grid=grid)
        case _:
            rows, source, more = _rows(args, context, KEPT)
            plot, notes = plot_of(args.kind, rows)
            return Shown(**about, source=source, notes=(*more, *notes), plot=plot)


def _said(shown: Shown) -> str:
    """Return in a few words how much was shown."""
    if shown.grid:
        return f"{_many(len(shown.grid.rows), 'row')}, {_many(len(shown.grid.columns), 'column')}"
    if shown.plot:
        noun = {"bar": "bar", "histogram": "bin"}.get(shown.kind, "point")
        return _many(max(len(each.values) for each in shown.plot.series), noun)
    if shown.graph:
        nodes, edges = len(shown.graph.nodes), len(shown.graph.edges)
        return f"{_many(nodes, 'node')}, {_many(edges, 'edge')}"
    still = shown.still
    return f"{still.width:,} x {still.height:,} pixels" if still else "nothing"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _graph(args: ShowArgs, context: ToolContext) -> tuple[Graph, tuple[str, ...]]:
    names = args.names or ((args.path,) if args.path else ())
    with refusals():
        if args.kind == "calls":
            if not names:
                raise ToolError("name files or functions in `names`")
            return calls(context.workspace, names)
        if args.kind == "modules":
            return modules(context.workspace, names)
    return steps(args.data)


def _read(args: ShowArgs, context: ToolContext, limit: int) -> tuple[str, FileView]:
    """Return a file in its one form and its first bytes; raises ToolError."""
    workspace = context.workspace
    with refusals():
        if args.path.strip() and workspace.outside(args.path):
            whole = args.path if args.path.startswith(("/", "~")) else ""
            path = whole or str(workspace.root / args.path)
            return path, read_outside(path, limit)
        path = workspace.locate(args.path)
        return path, workspace.read(path, limit)


def _rows(args: ShowArgs, context: ToolContext, most: int) -> tuple[Rows, str, list[str]]:
    """Return the rows of what was given or of a file, the file, and what is to be said of it."""
    if bool(args.path) == bool(args.data.strip()):
        raise ToolError("give `data` (CSV with a header) or the `path` of a CSV, TSV or JSON file")
    if not args.path:
        return rows_of(args.data, "`data`", args.columns, most), "", []
    path, view = _read(args, context, READ)
    data, notes = view.data, []
    if view.truncated:
        data = data[: data.rfind(b"\n") + 1] or data
        notes.append(f"only the first {READ >> 20} MB of {view.size:,} bytes were read")
    try:
        text = TextFile.decode(data).text
    except NotText as error:
        raise ToolError(f"{path} is {error}, {view.size:,} bytes; it is no table") from error
    if path.lower().endswith(".json") and view.truncated:
        raise ToolError(f"{path} has {view.size:,} bytes, too many for a JSON file to be shown")
    return rows_of(text, path, args.columns, most), path, notes


def _grid(rows: Rows) -> tuple[Grid, tuple[str, ...]]:
    notes = list(rows.notes)
    kept: list[tuple[str, ...]] = []
    used = 0
    for row in rows.rows:
        cells = tuple(brief(cell) for cell in row[:COLUMNS])
        used += sum(map(len, cells))
        if kept and used > CHARACTERS:
            break
        kept.append(cells)
    if len(kept) < rows.count or rows.more:
        notes.append(f"showing {len(kept):,} of {rows.counted} rows")
    if len(rows.columns) > COLUMNS:
        notes.append(f"showing {COLUMNS} of {len(rows.columns):,} columns")
    return Grid(columns=rows.columns[:COLUMNS], rows=tuple(kept)), tuple(notes)


def _still(args: ShowArgs, context: ToolContext) -> tuple[Still, str]:
    if not args.path:
        raise ToolError("give the `path` of a PNG, JPEG, GIF or WebP image")
    path, view = _read(args, context, READ)
    if view.truncated:
        raise ToolError(
            f"{path} has {view.size:,} bytes, more than {READ >> 20} MB; make it smaller"
        )
    try:
        found = bare(view.data)
    except Broken as error:
        raise ToolError(f"{path} cannot be shown: {error}") from error
    fits = len(found.data) <= PICTURE
    return Still(
        media_type=found.media_type,
        width=found.width,
        height=found.height,
        bytes=view.size,
        data=base64.b64encode(found.data).decode() if fits else "",
    ), path
