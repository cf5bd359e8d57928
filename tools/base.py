"""What a tool is: its call, its effects, its preview, its result.

The loop sees tools only through this module. Adding a tool is one file with a `Tool` in it and one
line in `registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from sandbox.base import Process, Sandbox
from sandbox.workspace import Workspace
from tools.diagnostics.base import Diagnosed
from tools.network import AS_ASKED, NetworkRules
from tools.report import CheckReport
from tools.shown import Shown

if TYPE_CHECKING:
    from asyncio import Task


class Effect(StrEnum):
    """What a call would do; the columns of the policy table."""

    READ = "READ"
    EDIT = "EDIT"
    EXECUTE = "EXECUTE"
    NETWORK = "NETWORK"
    OUTSIDE = "OUTSIDE"
    DESTROY = "DESTROY"


class Frozen(BaseModel):
    """Plain data that never changes once made."""

    # built at first use: a start needs only a few of the many
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ToolCall(Frozen):
    """One use of one tool, as the model asked for it; `arguments` are not yet checked."""

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class ToolResult(Frozen):
    """One face for the model (`text`), one for the person (`summary`, `diff`).

    `changed` lists workspace-relative paths that the call created, changed or removed; `already`
    says that it had nothing to change, `broken` what the change broke. `report` is there when the
    call ran a check, `shown` when it was to show something. `origin` says where text came from that
    neither the user nor the project wrote, such as `https://example.com/x`; it is empty where there
    is no such text.
    """

    text: str
    ok: bool = True
    summary: str = ""
    diff: str = ""
    changed: tuple[str, ...] = ()
    already: bool = False
    broken: tuple[str, ...] = ()
    report: CheckReport | None = None
    origin: str = ""
    shown: Shown | None = None


class Preview(Frozen):
    """What a person sees before approving: a diff, a command, or a sentence."""

    kind: Literal["diff", "command", "text"]
    title: str
    body: str = ""


Named = Literal["file", "place", "test"]
"""What an argument may name of what is there: a file, a file or folder, a test id or place."""


@dataclass(frozen=True, slots=True)
class Names:
    """Says that an argument, or each item of one, names what is there.

    As in `Annotated[str, Names("file")]`. Our own engine holds a model to the names that there are.
    """

    kind: Named


Quoted = Literal["passage", "symbol"]
"""What an argument may quote of the file that a call names: some of its text, a definition."""


@dataclass(frozen=True, slots=True)
class Quotes:
    """Says that an argument quotes the file that the call names, as `Names` says it of names."""

    kind: Quoted


@dataclass(frozen=True, slots=True)
class Brief:
    """A tool as a small model is told of it: fewer arguments, and these in few ways.

    Each of `ways` names arguments that belong together, as in `path old+ new all?`: only one with
    a question mark may be left out, one with a plus is a text that is not empty, and one with a
    colon follows its call as a block of code, which small models write much better as it is than
    within JSON. `says` stands in place of the docstring, where it says anything.
    """

    ways: tuple[str, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """Arguments of a tool that belong together, as a JSON schema, and the one behind the call."""

    parameters: dict[str, Any]
    body: str = ""


class ToolSchema(Frozen):
    """A tool as a model is told of it; `parameters` is a JSON schema.

    `names` has the arguments that name what is there, `quotes` those, at any depth, that quote the
    file among them, `makes` says that a call may make what a later one names; no model is told of
    these. `ways` says which arguments belong together, where that is known.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    names: dict[str, Named] = Field(default_factory=dict, exclude=True)
    quotes: dict[str, Quoted] = Field(default_factory=dict, exclude=True)
    makes: bool = Field(default=False, exclude=True)
    ways: tuple[Way, ...] = Field(default=(), exclude=True)


class ToolError(Exception):
    """A call that cannot be done; the message is for the model and says what to do next."""


class BackgroundJob:
    """A command left running by `shell`: its output so far and its process."""

    def __init__(self, job_id: str, command: str, process: Process) -> None:
        self.id = job_id
        self.command = command
        self.process = process
        self.unread = bytearray()
        self.dropped = 0
        self.ended: str = ""
        self.pump: Task[None] | None = None  # what reads its output
        self.origin = ""  # of its output, as a result has it


class PlanItem(Frozen):
    """One line of the model's plan."""

    text: str
    state: Literal["todo", "doing", "done"] = "todo"


@dataclass
class ToolMemory:
    """What tools remember between the calls of one session."""

    # workspace-relative path -> sha256 of the bytes the model last saw or wrote, the latest last
    seen: dict[str, str] = field(default_factory=dict)
    directory: str = "."  # where the last shell command ended, relative to the workspace
    jobs: dict[str, BackgroundJob] = field(default_factory=dict)
    plan: tuple[PlanItem, ...] = ()
    created: set[str] = field(default_factory=set)  # files that `write` made, in their one form
    changed: set[str] = field(default_factory=set)  # files that `edit` and `write` changed
    page: tuple[str, str] = ("", "")  # the address that was fetched last, and its text
    diagnosed: Diagnosed = field(default_factory=Diagnosed)

    def saw(self, path: str, sha256: str) -> None:
        """Remember what the model saw or wrote last."""
        self.seen.pop(path, None)
        self.seen[path] = sha256


Question = Callable[[str, tuple[str, ...]], Awaitable[str | None]]
"""Ask the user; returns the answer, or None when nobody is there."""


@dataclass(frozen=True)
class ToolContext:
    """What a tool is handed: the workspace, the sandbox, and the session's memory.

    `executes` says whether the policy would now let the project's own code run without a question.
    """

    workspace: Workspace
    sandbox: Sandbox
    memory: ToolMemory
    output: Callable[[str], None]  # live output, for the person
    question: Question
    check_command: str = ""  # `--check`, where one was given
    network: NetworkRules = AS_ASKED
    room: int = 1 << 20  # bytes of one answer that the model's window bears
    diagnostics: bool = False  # whether linters and type checkers look at what is changed
    executes: Callable[[], bool] = lambda: False


Args = TypeVar("Args", bound=BaseModel)


class Tool(ABC, Generic[Args]):
    """A thing the model can do. The class docstring is what the model reads.

    `effects` and `preview` must not change anything. `run` raises `ToolError` for whatever the
    model can mend; any other exception is a bug of ours.
    """

    name: ClassVar[str]
    args: ClassVar[type[BaseModel]]
    makes: ClassVar[bool] = False  # files that a later call may name
    brief: ClassVar[Brief | None] = None  # a small model is not told of a tool without it

    @abstractmethod
    def effects(self, args: Args, context: ToolContext) -> frozenset[Effect]:
        """Return everything this call would do; the strictest verdict wins."""

    def preview(self, args: Args, context: ToolContext) -> Preview:
        """Return what a person should see before approving."""
        return Preview(kind="text", title=f"{self.name} {args.model_dump_json(exclude_unset=True)}")

    def origin(self, args: Args, context: ToolContext) -> str:
        """Return where its answer comes from, if neither the user nor the project wrote that.

        Empty where they did. Asked before it runs, so that a failure has it too.
        """
        return ""

    @abstractmethod
    async def run(self, args: Args, context: ToolContext) -> ToolResult:
        """Do it."""

    @classmethod
    def schema(cls, brief: Brief | None = None) -> ToolSchema:
        """Return the tool as a model is told of it; `brief` as a small one is."""
        parameters = cls.args.model_json_schema()
        parameters = _compact(parameters, parameters.pop("$defs", {}))
        parameters.pop("description", None)  # the docstring of the arguments is for us
        fields = cls.args.model_fields
        ways = [_way(parameters, way.split()) for way in brief.ways] if brief else []
        if ways:
            parameters = _of_all(parameters, ways)
        told = parameters["properties"]
        marks = [(name, mark) for name in told for mark in fields[name].metadata]
        says = brief.says if brief else ""
        return ToolSchema(
            name=cls.name,
            description=says or " ".join((cls.__doc__ or "").split()),
            parameters=parameters,
            ways=tuple(ways),
            names={name: mark.kind for name, mark in marks if isinstance(mark, Names)},
            quotes={name: mark.kind for name, mark in marks if isinstance(mark, Quotes)},
            makes=cls.makes,
        )


def _way(parameters: dict[str, Any], names: list[str]) -> Way:
    """Return some arguments, which are written as `Brief` has them.

    One that is to be said and is true or false says that it is true.
    """
    said, required, body = {}, [], ""
    for each in names:
        name = each.rstrip("?+:")
        about = parameters["properties"][name]
        if each.endswith(":"):
            body = name
            continue
        if not each.endswith("?"):
            required.append(name)
            about = {**about, "enum": [True]} if about.get("type") == "boolean" else about
        said[name] = {**about, "minLength": 1} if each.endswith("+") else about
    return Way({**parameters, "properties": said, "required": required}, body)


def _of_all(parameters: dict[str, Any], ways: list[Way]) -> dict[str, Any]:
    """Return the arguments of all ways as one schema, for where a call is no text."""
    every = [{*way.parameters["properties"], way.body} for way in ways]
    must = [{*way.parameters["required"], way.body} for way in ways]
    known = parameters["properties"]
    return {
        **parameters,
        "properties": {name: known[name] for name in known if any(name in way for way in every)},
        "required": [name for name in known if all(name in way for way in must)],
    }


def _compact(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without titles and defaults, references put in place: fewer tokens."""
    if "$ref" in schema:
        inner = named[schema["$ref"].rpartition("/")[2]]
        schema = {key: value for key, value in inner.items() if key != "description"} | schema
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("title", "default", "$ref", "additionalProperties"):
            continue
        if key == "properties":
            out[key] = {name: _compact(inner, named) for name, inner in value.items()}
        elif isinstance(value, dict):
            out[key] = _compact(value, named)
        elif isinstance(value, list):
            out[key] = [_compact(v, named) if isinstance(v, dict) else v for v in value]
        else:
            out[key] = value
    return out
