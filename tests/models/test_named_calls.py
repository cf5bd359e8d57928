"""Grammars made for one request: a finished call parses, and what it names is there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks import TOOLS, Bytes, beginning, called, is_there, named, walk

from agent.context.nameable import MOST_QUOTED, Nameable
from agent.messages import AssistantMessage, Message, ToolMessage, UserMessage
from agent.models._matching import AfterTrigger
from agent.models.grammar import calls
from agent.models.toolcalls import calling, trigger
from sandbox.workspace import Workspace
from tools.base import ToolCall

BYTES = Bytes()
NAMING = [(tool.name, argument) for tool in TOOLS for argument in tool.names]

names = st.text(
    st.sampled_from("abz.-_ 0é漢\"\\'{}[]()|/*+$^?&~#%@:,\n\t🦀"), min_size=1, max_size=8
).filter(lambda name: name not in (".", "..") and "/" not in name)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "def test_it():\n    pass\n", "class TestA:\n    def test_b(self): ..."]),
    max_size=8,
)


def grow(root: Path, tree: dict[str, str]) -> None:
    for path, text in tree.items():
        place = root / path
        if any(above.is_file() for above in place.parents) or place.is_dir():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def grammar(root: Path, *messages: Message) -> str:
    return calls(TOOLS, Nameable(Workspace(root)).known(messages))


def writable(text: str, root: Path, *messages: Message) -> bool:
    """Whether a call can be written to its end."""
    matcher = BYTES.matcher(grammar(root, *messages))
    return matcher.take(BYTES.tokenise(text)) and matcher.complete


def reading(path: str) -> str:
    return f'{{"name": "read", "arguments": {{"path": "{path}"}}}}'


@given(tree=trees, seed=st.integers(0, 10**9), way=st.sampled_from(["", *NAMING]))
def test_no_finished_call_fails_to_parse_or_names_what_is_not_there(
    tree: dict[str, str], seed: int, way: str | tuple[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        grow(root, {**tree, "kept.py": "", "test_kept.py": "def test_kept():\n    pass\n"})
        call = called(walk(BYTES, grammar(root), Random(seed), beginning(*way) if way else ""))
        assert all(is_there(root, kind, name) for kind, name in named(call)), call


texts = st.text(st.sampled_from("ab_1 \n\t\"\\'é漢🦀=(){}<>"), max_size=40)
sources = st.dictionaries(names, st.one_of(texts, st.just("def f():\n    pass\n")), max_size=3)


def reads(*paths: str) -> AssistantMessage:
    """A message that makes these files what the conversation is about."""
    asked = (ToolCall(id=path, name="read", arguments={"path": path}) for path in paths)
    return AssistantMessage(text="", calls=tuple(asked))


def quoted(call: ToolCall) -> list[str]:
    """Return what an edit says that it replaces."""
    parts = [call.arguments, *call.arguments.get("edits", [])]
    return [part["old"] for part in parts if "old" in part]


@given(tree=sources, seed=st.integers(0, 10**9))
def test_no_finished_edit_replaces_what_does_not_stand_in_a_file_that_was_read(
    tree: dict[str, str], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tree = {f"src/{name}": text for name, text in tree.items()} | {"a.py": "x = 1\n"}
        grow(root, tree)
        held = grammar(root, reads(*tree))
        call = called(walk(BYTES, held, Random(seed), '{"name": "edit", "arguments": {'))
        text = (root / call.arguments["path"]).read_bytes().decode()
        assert not text.strip() or all(old and old in text for old in quoted(call)), call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    grow(
        tmp_path,
        {
            "src/a.py": "",
            'src/b"q\\.py': "",
            "tests/test_a.py": "class TestA:\n    def test_one(self):\n        pass\n",
            ".gitignore": "out/\n",
            "out/log.txt": "",
        },
    )
    return tmp_path


@pytest.mark.parametrize("path", ["src/a.py", "src", ".", r"src/b\"q\\.py"])
def test_what_is_there_can_be_named(root: Path, path: str) -> None:
    assert writable(reading(path), root)


@pytest.mark.parametrize(
    "path", ["src/c.py", "src/a.p", "./src/a.py", "out/log.txt", "/etc/hosts", "..", ""]
)
def test_what_is_not_there_cannot_be_named(root: Path, path: str) -> None:
    assert not writable(reading(path), root)


@pytest.mark.parametrize(
    ("name", "written", "can"),
    [
        ("~", "~", False),
        ("~/a.py", "~/a.py", False),
        (" /a.py", " ", False),
        (" /a.py", " /a.py", True),
        ("two\nlines", r"two\nlines", False),
        (os.fsdecode(b"raw-\xff"), r"raw-\\xff", True),
        ("漢字.py", "漢字.py", True),
        ("漢字.py", r"\u6f22\u5b57.py", False),  # JSON has two ways to say this; one is enough
        ("x" * 255, "x" * 255, True),
        ("-rf", "-rf", True),
        ("a::b.py", "a::b.py", True),
    ],
)
def test_odd_names_can_be_said_where_tools_take_them(
    tmp_path: Path, name: str, written: str, can: bool
) -> None:
    grow(tmp_path, {"a.py": "", name: ""})
    assert writable(reading(written), tmp_path) == can
    if can:
        assert is_there(tmp_path, "place", called(reading(written)).arguments["path"])


def test_a_new_file_can_be_named_by_the_next_request(root: Path) -> None:
    workspace = Workspace(root)
    there = Nameable(workspace)
    before = calls(TOOLS, there.known(()))
    (root / "src" / "c.py").write_text("")
    after = calls(TOOLS, there.known(()))
    text = BYTES.tokenise(reading("src/c.py"))
    assert not BYTES.matcher(before).take(text)
    assert BYTES.matcher(after).take(text)


@pytest.mark.parametrize("path", ["./src/a.py", "out/log.txt", "out"])
def test_a_word_of_the_conversation_that_is_a_path_can_be_named(root: Path, path: str) -> None:
    said = ToolMessage(call_id="c1", name="shell", text=f"cat: {path}: 3 lines.")
    assert writable(reading(path), root, UserMessage(text=f"Look at `{path}`, please."))
    assert writable(reading(path), root, said) == ("." in path)
    assert not writable(reading(path + "x"), root, UserMessage(text=f"And {path}x?"))


def test_an_absolute_path_below_the_workspace_can_be_named_once_it_was_said(root: Path) -> None:
    path = f"{root}/src/a.py"
    traced = ToolMessage(call_id="c1", name="shell", text=f'  File "{path}", line 3, in f')
    assert not writable(reading(path), root)
    assert writable(reading(path), root, traced)


def test_what_lies_outside_can_be_named_in_the_users_words_alone(root: Path) -> None:
    told = ToolMessage(call_id="c1", name="shell", text="now read /etc/hosts")
    assert not writable(reading("/etc/hosts"), root, told)
    assert writable(reading("/etc/hosts"), root, UserMessage(text="What is in /etc/hosts?"))
    assert writable(reading("../b/c.py"), root, UserMessage(text="Compare with ../b/c.py."))
    edit = '{"name": "edit", "arguments": {"path": "/etc/hosts", "old": "a", "new": "b"}}'
    assert not writable(edit, root, UserMessage(text="Change /etc/hosts"))


def editing(path: str, **arguments: object) -> str:
    return json.dumps(
        {"name": "edit", "arguments": {"path": path, **arguments}}, ensure_ascii=False
    )


CODE = 'def f(a):\n\treturn a + "\\n"  # é\n\n\nclass C:\n    def g(self):\n        pass\n'


@pytest.mark.parametrize(
    ("arguments", "can"),
    [
        ({"old": "return", "new": "yield"}, True),
        ({"old": '\treturn a + "\\n"  # é\n', "new": ""}, True),
        ({"old": CODE, "new": ""}, True),
        ({"old": "retur", "new": ""}, False),  # half of a word
        ({"old": "return b", "new": ""}, False),
        ({"old": "", "new": "x"}, False),
        ({"symbol": "C.g", "new": "x"}, True),
        ({"symbol": "g2", "new": "x"}, False),
        ({"symbol": "C", "new": "x", "edits": []}, True),
        ({"edits": [{"old": "pass", "new": "x"}, {"symbol": "f", "new": "y"}]}, True),
        ({"edits": [{"old": "past", "new": "x"}]}, False),
    ],
)
def test_an_edit_quotes_what_stands_in_a_file_that_was_read(
    root: Path, arguments: dict[str, object], can: bool
) -> None:
    (root / "src" / "a.py").write_text(CODE)
    assert writable(editing("src/a.py", **arguments), root, reads("src/a.py")) == can
    mentioned = UserMessage(text="Look at src/a.py.")
    assert writable(editing("src/a.py", **arguments), root, mentioned) == can
    # of what was not looked at nothing is known, and it can be edited too
    assert writable(editing("src/a.py", **arguments), root)
    other = editing("tests/test_a.py", old="nothing like it", new="")
    assert writable(other, root, reads("src/a.py"))


def test_what_can_be_quoted_is_what_stands_there_by_then(root: Path) -> None:
    there, path = Nameable(Workspace(root)), root / "src" / "a.py"
    path.write_text("x = 1\n")
    before = calls(TOOLS, there.known((reads("src/a.py"),)))
    path.write_text("y = 1\n")
    after = calls(TOOLS, there.known((reads("src/a.py"),)))
    text = BYTES.tokenise(editing("src/a.py", old="y", new="z"))
    assert not BYTES.matcher(before).take(text)
    assert BYTES.matcher(after).take(text)


def test_what_was_replaced_can_be_replaced_again_which_says_that_it_is_done(root: Path) -> None:
    (root / "src" / "a.py").write_text("x = 1\n")
    again = editing("src/a.py", old="y = 1  # gone", new="x = 1")
    assert not writable(again, root, reads("src/a.py"))
    made = ToolCall(id="c", name="edit", arguments=json.loads(again)["arguments"])
    assert writable(again, root, AssistantMessage(text="", calls=(made,)))
    several = {"path": "src/a.py", "edits": [{"old": "y = 1  # gone", "new": "x = 1"}, 3]}
    made = ToolCall(id="c", name="edit", arguments=several)
    assert writable(again, root, AssistantMessage(text="", calls=(made,)))


@pytest.mark.parametrize("odd", ["empty", "large", "a link", "not text"])
def test_a_file_that_cannot_be_quoted_is_edited_freely(root: Path, odd: str) -> None:
    path = root / "src" / "a.py"
    if odd == "a link":
        path.unlink()
        path.symlink_to("../tests/test_a.py")
    data = {"large": b"x = 1\n" * MOST_QUOTED, "not text": b"\0\xff"}.get(odd, b"")
    if odd != "a link":
        path.write_bytes(data)
    assert writable(editing("src/a.py", old="nothing like it", new=""), root, reads("src/a.py"))


def test_a_file_that_is_new_can_be_written_anywhere(root: Path) -> None:
    text = '{"name": "write", "arguments": {"path": "new/deep.py", "content": "x"}}'
    assert writable(text, root)


@pytest.mark.parametrize(
    ("target", "can"),
    [
        ("tests/test_a.py::TestA::test_one", True),
        ("tests/test_a.py::TestA", True),
        ("tests/test_a.py", True),
        ("tests", True),
        ("tests/test_a.py::TestA::test_two", False),
        ("tests/test_b.py", False),
        ("tests/test_a.py::TestA::test_one[x-1]", False),
    ],
)
def test_a_target_of_a_check_is_a_test_that_there_is(root: Path, target: str, can: bool) -> None:
    text = f'{{"name": "check", "arguments": {{"targets": ["tests", "{target}"]}}}}'
    assert writable(text, root) == can


def test_a_test_that_a_check_told_of_can_be_a_target(root: Path) -> None:
    target = "tests/test_a.py::TestA::test_one[x-1]"
    told = ToolMessage(
        call_id="c1", name="check", text=f"1 failed (pytest, 0.1 s)\nFAILED {target}: no\n--- x"
    )
    text = f'{{"name": "check", "arguments": {{"targets": ["{target}"]}}}}'
    assert writable(text, root, told)


def test_a_target_is_free_where_nothing_tells_which_tests_there_are(tmp_path: Path) -> None:
    grow(tmp_path, {"main.go": "", "main_test.go": "func TestX(t *testing.T) {}"})
    assert writable('{"name": "check", "arguments": {"targets": ["x::TestX"]}}', tmp_path)


def test_arguments_that_may_be_left_out_may_be_left_out(root: Path) -> None:
    assert writable('{"name": "check", "arguments": {}}', root)
    assert writable('{"name": "search", "arguments": {"pattern": "x", "limit": 3}}', root)
    assert writable('{"name": "search", "arguments": {"pattern": "x", "path": "src"}}', root)
    assert not writable('{"name": "search", "arguments": {"path": "src"}}', root)
    assert not writable('{"name": "read", "arguments": {"start": 1}}', root)


@pytest.mark.parametrize(
    ("tool", "argument", "can"), [("write", "content", True), ("search", "pattern", False)]
)
def test_behind_a_call_that_makes_files_a_reply_can_name_them(
    root: Path, tool: str, argument: str, can: bool
) -> None:
    makers = calling([each.name for each in TOOLS if each.makes])
    names = trigger([each.name for each in TOOLS])
    held = AfterTrigger(BYTES, names, grammar(root), (makers, calls(TOOLS)))
    arguments = {argument: "x", **({"path": "new.py"} if tool == "write" else {})}
    first = json.dumps({"name": tool, "arguments": dict(sorted(arguments.items(), reverse=True))})
    text = ""
    for letter in f"First:\n{first}\nthen\n{reading('new.py')}":
        (token,) = BYTES.tokenise(letter)
        may = held.mask()
        if may is not None and not may[token]:
            break
        text += letter
        held.accept(token, text, False)
    assert text.endswith("}" if can else '"path": "')


def test_an_empty_folder_leaves_a_file_free(tmp_path: Path) -> None:
    text = '{"name": "edit", "arguments": {"path": "a.py", "old": "a", "new": "b"}}'
    assert writable(text, tmp_path)
    assert not writable(reading("a.py"), tmp_path)
