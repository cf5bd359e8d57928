"""One change to one file: found, read, compared, landed; the part that `edit` and `write` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.workspace import PathError
from tools.base import Effect, ToolContext, ToolError
from tools.diffs import unified
from tools.symbols import new_errors
from tools.textfile import NotText, TextFile


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a path's refusal into an answer for the model."""
    try:
        yield
    except PathError as error:
        raise ToolError(str(error)) from error


def effects_at(context: ToolContext, effect: Effect, *paths: str) -> frozenset[Effect]:
    """Return the effect, and OUTSIDE where one of the paths is. Raises nothing."""
    if any(context.workspace.outside(path) for path in paths if path):
        return frozenset({effect, Effect.OUTSIDE})
    return frozenset({effect})


@dataclass(frozen=True, slots=True)
class Opened:
    """A text file as it is now, and its hash, which it must still have when it is written."""

    path: str
    sha256: str
    file: TextFile


def changeable(context: ToolContext, path: str) -> str:
    """Return the path in its one form; raises ToolError where nothing may be changed."""
    with refusals():
        where = context.workspace.locate(path)
        why = context.workspace.protected(where)
    if why:
        raise ToolError(f"{where} is protected: {why}")
    return where


def open_text(context: ToolContext, path: str) -> Opened:
    """Read a file in order to change it; raises ToolError, also when it changed since last seen."""
    where = changeable(context, path)
    with refusals():
        view = context.workspace.read(where)
    check_fresh(context, where, view.sha256)
    try:
        return Opened(where, view.sha256, TextFile.decode(view.data))
    except NotText as error:
        raise ToolError(f"{where} is {error}, {view.size:,} bytes; it cannot be edited") from error


def check_fresh(context: ToolContext, path: str, sha256: str) -> None:
    """Raise ToolError when the file is not what the model last saw of it."""
    seen = context.memory.seen.get(path)
    if seen is not None and seen != sha256:
        raise ToolError(f"{path} changed since you read it; read it again, then repeat the change")


@dataclass(frozen=True, slots=True)
class Change:
    """What a file will be; `before` is None when it is new. `notes` tell what was adapted."""

    path: str
    before: Opened | None
    after: TextFile
    notes: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The unified diff."""
        return unified(self.path, self.before.file.text if self.before else "", self.after.text)

    @property
    def size(self) -> str:
        """How many lines come and go, such as `+3 -1`."""
        lines = self.diff.split("\n")[2:]
        come = sum(line.startswith("+") for line in lines)
        return f"+{come} -{sum(line.startswith('-') for line in lines)}"


def check_syntax(path: str, before: str, after: str) -> None:
    """Raise ToolError when the text stopped parsing, naming the line."""
    errors = new_errors(path, before, after)
    if not errors:
        return
    line, message = errors[0]
    lines = after.split("\n")
    shown = lines[line - 1].strip()[:120] if line <= len(lines) else ""
    raise ToolError(
        f"not written: {path} would not parse. Line {line}: {message}: `{shown}`\n"
        "Correct `new` or `content` and call again. If it is right as it is, write it with shell."
    )


def land(context: ToolContext, change: Change) -> None:
    """Write it and remember what was written; raises ToolError with the file as it was."""
    data = change.after.encode()
    with refusals():
        view = context.workspace.write(
            change.path, data, expect=change.before.sha256 if change.before else None
        )
    context.memory.changed.add(change.path)
    if change.before is None:
        context.memory.created.add(change.path)
    if change.before is None or change.path in context.memory.seen:
        context.memory.saw(change.path, view.sha256)
