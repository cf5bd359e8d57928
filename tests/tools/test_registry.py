from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from tests.tools.bench import Bench
from tools import registry
from tools.base import Tool, ToolCall, ToolError

# what the models are told, and about how many tokens it is: a change here is a change of prompt
SNAPSHOT = """\
read, 65 tokens
Show a file, or its lines `start` to `end`; list a folder.
path {"type": "string"}
start? {"type": "integer"}
end? {"type": "integer"}

edit, 131 tokens
Replace the exact text `old`, or a whole `symbol` (Class.method), by `new`; or `edits`.
path {"type": "string"}
old? {"type": "string"}
symbol? {"type": "string"}
new? {"type": "string"}
all? {"type": "boolean"}
edits? {"items": {"properties": {"old": {"type": "string"}, "symbol": {"type": "string"}, "new":
  {"type": "string"}}, "required": ["new"], "type": "object"}, "type": "array"}

write, 81 tokens
Create or overwrite a file with `content`, or `move_to` a new path, or `delete` it.
path {"type": "string"}
content? {"type": "string"}
move_to? {"type": "string"}
delete? {"type": "boolean"}

search, 86 tokens
Find lines that match a regex; an empty pattern lists files by `glob`.
pattern {"type": "string"}
path? {"type": "string"}
glob? {"type": "string"}
ignore_case? {"type": "boolean"}
limit? {"type": "integer"}

shell, 136 tokens
Run a command in a fresh shell, or read (`stop`: end) a background `job`. Set network, paths
(outside the workspace, to write) and git (to change .git) only if needed.
command? {"type": "string"}
timeout? {"type": "number"}
background? {"type": "boolean"}
job? {"type": "string"}
stop? {"type": "boolean"}
network? {"type": "boolean"}
paths? {"items": {"type": "string"}, "type": "array"}
git? {"type": "boolean"}

git, 106 tokens
Look at the git repository, or commit (all changes, or those in `paths`).
action {"enum": ["status", "diff", "log", "blame", "show", "commit"], "type": "string"}
paths? {"items": {"type": "string"}, "type": "array"}
rev? {"type": "string"}
message? {"type": "string"}
n? {"type": "integer"}

check, 43 tokens
Run the project's tests.
targets? {"items": {"type": "string"}, "type": "array"}

plan, 84 tokens
Set your whole plan, for long tasks.
items {"items": {"properties": {"text": {"type": "string"}, "state": {"enum": ["todo", "doing",
  "done"], "type": "string"}}, "required": ["text"], "type": "object"}, "type": "array"}

ask, 66 tokens
Ask the user, only when you cannot find out yourself.
question {"type": "string"}
choices? {"items": {"type": "string"}, "type": "array"}

fetch, 48 tokens
Get a web page as text.
url {"type": "string"}
start? {"type": "integer"}

show, 197 tokens
Show the user a table, plot, diagram or image. A table or plot is of `data` (CSV with a header,
the first column goes across) or of a CSV, TSV or JSON file at `path`; a flow or sequence of
lines `a -> b: label` in `data`; calls and modules of the files, folders or functions in
`names`; an image is at `path`.
kind {"enum": ["table", "line", "bar", "scatter", "histogram", "flow", "sequence", "calls",
  "modules", "image"], "type": "string"}
data? {"type": "string"}
path? {"type": "string"}
columns? {"items": {"type": "string"}, "type": "array"}
names? {"items": {"type": "string"}, "type": "array"}
title? {"type": "string"}
"""


def tokens(tool: Tool[Any]) -> int:
    """About how many tokens the schema is; Qwen's tokenizer takes 3.6 bytes of JSON for one."""
    return round(len(json.dumps(tool.schema().model_dump(), separators=(",", ":"))) / 3.6)


def drawn(tool: Tool[Any]) -> str:
    schema = tool.schema()
    rows = [f"{schema.name}, {tokens(tool)} tokens", *textwrap.wrap(schema.description, 96)]
    assert set(schema.parameters) <= {"type", "properties", "required"}
    for name, inner in schema.parameters["properties"].items():
        mark = "" if name in schema.parameters.get("required", []) else "?"
        rows += textwrap.wrap(f"{name}{mark} {json.dumps(inner)}", 96, subsequent_indent="  ")
    return "\n".join(rows)


def test_every_schema_is_what_it_was() -> None:
    assert "\n\n".join(drawn(tool) for tool in registry.TOOLS) + "\n" == SNAPSHOT


def test_all_tools_together_leave_room_for_a_system_prompt() -> None:
    assert sum(tokens(tool) for tool in registry.TOOLS) < 1050
    assert [schema.name for schema in registry.schemas()] == [tool.name for tool in registry.TOOLS]


def parsed(name: str, **arguments: Any) -> Any:
    tool, args = registry.parse(ToolCall(id="c1", name=name, arguments=arguments))
    assert tool.name == name
    return args


def why(name: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as caught:
        registry.parse(ToolCall(id="c1", name=name, arguments=arguments))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Read", "read"),
        ("read_file", "read"),
        ("bash", "shell"),
        ("str_replace_editor", "edit"),
        ("grep", "search"),
        ("run_tests", "check"),
        ("run_command", "shell"),
        ("serch", "search"),
    ],
)
def test_an_unknown_tool_is_answered_with_the_one_that_is_meant(name: str, meant: str) -> None:
    assert why(name) == f"no tool named `{name}`; use {meant}"


def test_a_tool_like_no_other_is_answered_with_all_of_them() -> None:
    assert why("zzz").endswith(
        "; there are: read, edit, write, search, shell, git, check, plan, ask, fetch, show"
    )


def test_other_names_of_arguments_are_taken_for_ours() -> None:
    assert parsed("read", file_path="a.py").path == "a.py"
    assert parsed("edit", filename="a", old_string="b", new_string="c").old == "b"
    assert parsed("shell", cmd="ls").command == "ls"
    assert "did you mean `path`" in why("read", path="a", paht="b")
    assert "no argument `file`" in why("read", path="a", file="b")


def test_numbers_truths_and_json_as_text_are_read() -> None:
    assert parsed("read", path="a", start="3", end=None).start == 3
    assert parsed("write", path="a", delete="true").delete is True
    assert parsed("read", path="a", start="").start == 1
    edits = parsed("edit", path="a", edits='[{"old": "x", "new": "y\n"}]').edits
    assert (edits[0].old, edits[0].new) == ("x", "y\n")
    assert parsed("edit", path="a", edits={"old": "x", "new": "y"}).edits == (
        type(edits[0])(old="x", new="y"),
    )
    assert list(parsed("check", targets="tests/test_a.py").targets) == ["tests/test_a.py"]
    assert parsed("read", arguments={"path": "a"}).path == "a"
    assert parsed("read", arguments='{"path": "a"}').path == "a"


def test_a_bad_call_is_answered_in_one_line_with_the_right_shape() -> None:
    assert why("read") == (
        "read: `path` is missing. Expected: read(path: string, start?: integer, end?: integer)"
    )
    assert why("read", path="a", start="three").startswith(
        'read: `start` should be a valid integer, unable to parse string as an integer, not "three"'
    )
    said = why("edit", path="a", edits=[{"old": "x"}])
    assert said.startswith("edit: `edits.0.new` is missing. Expected: edit(path: string, ")
    assert "edits?: [{old?: string, symbol?: string, new: string}]" in said
    assert "\n" not in why("plan", items=[{"text": "a\nb", "state": "x\ny"}])


def test_nothing_is_repaired_that_may_be_meant_as_it_is() -> None:
    assert parsed("write", path="a", content="[1, 2]").content == "[1, 2]"
    assert parsed("write", path="a", content="").content == ""
    assert parsed("search", pattern="[a]").pattern == "[a]"


async def test_a_session_of_file_tools_works_end_to_end(bench: Bench) -> None:
    await bench.call("write", path="a.py", content="def f():\n    return 1\n")
    assert "a.py" in (await bench.call("search", pattern=r"def f\(")).text
    await bench.call("edit", path="a.py", symbol="f", new="def f():\n    return 2\n")
    assert (await bench.call("read", path="a.py")).text == "1|def f():\n    return 2"
