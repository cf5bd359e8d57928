"""Write a whole file; move or delete one."""

from __future__ import annotations

from pydantic import model_validator

from tools import patching
from tools.base import (
    Brief,
    Effect,
    Frozen,
    Preview,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
)
from tools.diagnostics.landing import landed
from tools.diffs import unified
from tools.files import (
    Change,
    changeable,
    check_fresh,
    check_syntax,
    effects_at,
    open_text,
    refusals,
)
from tools.symbols import new_errors
from tools.textfile import NotText, TextFile, kind_of, unified_newlines


class WriteArgs(Frozen):
    """One of three things to do with a path."""

    path: str
    content: str = ""
    move_to: str = ""
    delete: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> WriteArgs:
        ways = ("content" in self.model_fields_set, bool(self.move_to), self.delete)
        if ways.count(True) > 1 and self.content:
            raise ValueError("give only one of content, move_to, delete=true")
        if self.move_to and self.delete:
            raise ValueError("give only one of move_to, delete=true")
        if not any(ways):
            raise ValueError("content is missing")
        return self


class Write(Tool[WriteArgs]):
    """Create or overwrite a file with `content`, or `move_to` a new path, or `delete` it."""

    name = "write"
    args = WriteArgs
    makes = True
    brief = Brief(
        ("path content:",),
        "Create or overwrite a whole file with a code block.",
    )

    def effects(self, args: WriteArgs, context: ToolContext) -> frozenset[Effect]:
        """Edit, and perhaps outside."""
        return effects_at(context, Effect.EDIT, args.path, args.move_to)

    def preview(self, args: WriteArgs, context: ToolContext) -> Preview:
        """Return the diff, or what is moved; raises ToolError when it could not be done."""
        if args.delete or args.move_to:
            path, _, diff = _existing(args, context)
            if args.move_to:
                goal = _goal(args, context, path)
                return Preview(kind="text", title=f"move {path} to {goal}")
            return Preview(kind="diff", title=f"delete {path}", body=diff)
        change = plan(args, context)
        verb = "overwrite" if change.before else "create"
        return Preview(kind="diff", title=f"{verb} {change.path} {change.size}", body=change.diff)

    async def run(self, args: WriteArgs, context: ToolContext) -> ToolResult:
        """Do it."""
        if args.move_to:
            return _move(args, context)
        if args.delete:
            return _delete(args, context)
        change = plan(args, context)
        if change.before and change.before.file == change.after:
            text = f"{change.path} has exactly this content already"
            return ToolResult(text=text, already=True)
        came = await landed(context, change)
        verb = "overwrote" if change.before else "created"
        return ToolResult(
            text="; ".join([f"{verb} {change.path} ({change.size} lines)", *came.sentences])
            + came.told,
            summary=f"{change.path} {change.size}",
            diff=change.diff,
            changed=(change.path,),
            broken=came.broken,
        )


def plan(args: WriteArgs, context: ToolContext) -> Change:
    """Return the change without making it; raises ToolError when it cannot be made.

    A file that is overwritten keeps its encoding, line endings and final newline.
    """
    content = unified_newlines(args.content)
    if "\0" in content:
        raise ToolError("content holds a NUL character; write makes text files only")
    path = changeable(context, args.path)
    if args.path.endswith("/"):
        raise ToolError(f"{path} names a folder; folders are made with their first file")
    with refusals():
        kind = context.workspace.kind(path)
    if kind == "missing":
        check_syntax(path, "", content)
        return Change(path, None, TextFile(content))
    if kind != "file":
        raise ToolError(f"{path} is a {kind}, not a file; choose another path")
    if path not in context.memory.seen:
        raise ToolError(f"{path} exists and you have not read it; read it first, or use edit")
    opened = open_text(context, path)
    old = opened.file
    if old.text.endswith("\n") and content and not content.endswith("\n"):
        content += "\n"
    bare = patching.without_numbers(content)
    if bare is not None and new_errors(path, old.text, content):
        # what was read with line numbers is written with them by small models
        content = content if new_errors(path, old.text, bare) else bare
    after = old.spliced(0, len(old.text), content)
    check_syntax(path, old.text, content)
    return Change(path, opened, after)


def _existing(args: WriteArgs, context: ToolContext) -> tuple[str, str, str]:
    """Return a file's path, hash, and the diff of its deletion; raises ToolError when stale."""
    path = changeable(context, args.path)
    with refusals():
        view = context.workspace.read(path)
    check_fresh(context, path, view.sha256)
    try:
        diff = unified(path, TextFile.decode(view.data).text, "")
    except NotText:
        diff = f"{path}: {kind_of(view.data)}, {view.size:,} bytes\n"
    return path, view.sha256, diff


def _goal(args: WriteArgs, context: ToolContext, path: str) -> str:
    """Return where the file goes; into a folder it goes under its own name."""
    goal = changeable(context, args.move_to)
    with refusals():
        folder = args.move_to.endswith("/") or context.workspace.kind(goal) == "directory"
    return changeable(context, f"{goal}/{path.rpartition('/')[2]}") if folder else goal


def _move(args: WriteArgs, context: ToolContext) -> ToolResult:
    path, sha256, _ = _existing(args, context)
    goal = _goal(args, context, path)
    with refusals():
        context.workspace.move(path, goal, expect=sha256)
    if context.memory.seen.pop(path, None) is not None:
        context.memory.saw(goal, sha256)
    context.memory.created -= {path}
    said = f"moved {path} to {goal}"
    return ToolResult(text=said, summary=said, changed=(path, goal))


def _delete(args: WriteArgs, context: ToolContext) -> ToolResult:
    path, sha256, diff = _existing(args, context)
    with refusals():
        context.workspace.delete(path, expect=sha256)
    context.memory.seen.pop(path, None)
    context.memory.created -= {path}
    return ToolResult(text=f"deleted {path}", summary=f"deleted {path}", diff=diff, changed=(path,))
