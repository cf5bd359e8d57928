from __future__ import annotations

import pytest

from tests.tools.bench import Bench
from tools.base import Effect, ToolError


async def test_a_new_file_is_made_with_its_folders(bench: Bench) -> None:
    result = await bench.call("write", path="src/new/a.py", content="x = 1\n")
    assert (bench.root / "src/new/a.py").read_text() == "x = 1\n"
    assert result.text == "created src/new/a.py (+1 -0 lines)"
    assert result.changed == ("src/new/a.py",)
    assert "+x = 1" in result.diff


async def test_what_was_not_read_is_not_overwritten(bench: Bench) -> None:
    place = bench.file("a.txt", "mine\n")
    said = await bench.refused("write", path="a.txt", content="yours\n")
    assert "read it first" in said
    assert place.read_text() == "mine\n"
    await bench.call("read", path="a.txt")
    place.write_text("changed\n")
    assert "changed since" in await bench.refused("write", path="a.txt", content="yours\n")
    await bench.call("read", path="a.txt")
    result = await bench.call("write", path="a.txt", content="yours\n")
    assert place.read_text() == "yours\n"
    assert result.text == "overwrote a.txt (+1 -1 lines)"


async def test_a_file_that_was_just_written_can_be_written_again(bench: Bench) -> None:
    await bench.call("write", path="a.txt", content="1\n")
    await bench.call("write", path="a.txt", content="2\n")
    await bench.call("edit", path="a.txt", old="2", new="3")
    await bench.call("write", path="a.txt", content="4\n")
    assert (bench.root / "a.txt").read_text() == "4\n"
    same = await bench.call("write", path="a.txt", content="4\n")
    assert "already" in same.text
    assert same.changed == ()


async def test_the_numbers_that_a_file_was_read_with_are_not_written(bench: Bench) -> None:
    place = bench.file("a.py", "def f():\n    return 1\n")
    await bench.call("read", path="a.py")
    await bench.call("write", path="a.py", content="1|def f():\n    return 2\n\n4|X = 3\n")
    assert place.read_text() == "def f():\n    return 2\n\nX = 3\n"
    # what parses is written as it is
    await bench.call("write", path="a.py", content="NAMES = {\n    1: 'a',\n2: 'b',\n}\n")
    assert place.read_text() == "NAMES = {\n    1: 'a',\n2: 'b',\n}\n"


async def test_an_edit_of_a_file_never_read_does_not_allow_to_overwrite_it(bench: Bench) -> None:
    bench.file("a.txt", "1\nmore that was never seen\n")
    await bench.call("edit", path="a.txt", old="1", new="2")
    assert "read it first" in await bench.refused("write", path="a.txt", content="3\n")


async def test_an_overwritten_file_keeps_its_encoding_endings_and_final_newline(
    bench: Bench,
) -> None:
    place = bench.file("a.txt", "\ufeffeins\r\nzwei\r\n".encode())
    await bench.call("read", path="a.txt")
    await bench.call("write", path="a.txt", content="eins\ndrei")
    assert place.read_bytes() == "\ufeffeins\r\ndrei\r\n".encode()


async def test_a_new_file_that_does_not_parse_is_refused_with_the_line(bench: Bench) -> None:
    said = await bench.refused("write", path="a.py", content="x = 1\ndef f(:\n    pass\n")
    assert "Line 2: " in said
    assert not (bench.root / "a.py").exists()
    await bench.call("write", path="a.py.j2", content="def {{ name }}(:\n")
    await bench.call("write", path="notes.md", content="def f(:\n")


async def test_the_preview_says_what_would_happen(bench: Bench) -> None:
    bench.file("a.txt", "1\n")
    created = bench.preview("write", path="b.txt", content="2\n")
    assert (created.kind, created.title) == ("diff", "create b.txt +1 -0")
    deleted = bench.preview("write", path="a.txt", delete=True)
    assert (deleted.title, deleted.body.splitlines()[-1]) == ("delete a.txt", "-1")
    assert bench.preview("write", path="a.txt", move_to="c/").title == "move a.txt to c/a.txt"
    with pytest.raises(ToolError, match="read it first"):
        bench.preview("write", path="a.txt", content="2\n")


async def test_a_file_moves_and_what_was_read_of_it_is_remembered(bench: Bench) -> None:
    bench.file("a.txt", "1\n")
    await bench.call("read", path="a.txt")
    result = await bench.call("write", path="a.txt", move_to="deep/b.txt")
    assert result.changed == ("a.txt", "deep/b.txt")
    assert not (bench.root / "a.txt").exists()
    await bench.call("write", path="deep/b.txt", content="2\n")
    assert (bench.root / "deep/b.txt").read_text() == "2\n"
    bench.file("c.txt", "3\n")
    assert "exists already" in await bench.refused("write", path="c.txt", move_to="deep/b.txt")


async def test_a_file_is_deleted_unless_it_changed_since_it_was_read(bench: Bench) -> None:
    place = bench.file("a.txt", "1\n")
    await bench.call("read", path="a.txt")
    place.write_text("2\n")
    assert "changed since" in await bench.refused("write", path="a.txt", delete=True)
    await bench.call("read", path="a.txt")
    result = await bench.call("write", path="a.txt", delete=True)
    assert not place.exists()
    assert result.diff.endswith("-2\n")
    bench.file("a.bin", b"\0")
    await bench.call("write", path="a.bin", delete=True)
    assert not (bench.root / "a.bin").exists()


async def test_protected_outside_and_odd_places_are_refused(bench: Bench) -> None:
    for path in (".git/hooks/pre-commit", "sub/.git/config", ".wisp/settings.toml"):
        assert "protected" in await bench.refused("write", path=path, content="x\n")
    bench.file("a.txt", "1\n")
    assert "protected" in await bench.refused("write", path="a.txt", move_to=".git/x")
    assert "outside" in await bench.refused("write", path="../x", content="x\n")
    assert bench.effects("write", path="a.txt", move_to="../x") == {Effect.EDIT, Effect.OUTSIDE}
    (bench.root / "folder").mkdir()
    assert "folder" in await bench.refused("write", path="new/", content="x\n")
    assert "directory" in await bench.refused("write", path="folder", content="x\n")
    assert "NUL" in await bench.refused("write", path="n.txt", content="a\0b")
    assert "utf-8" in await bench.refused("write", path="n.txt", content="\ud800")
    assert not (bench.root / "n.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "content is missing"),
        ({"content": "x", "delete": True}, "only one of"),
        ({"move_to": "b", "delete": True}, "only one of"),
    ],
)
async def test_a_call_that_says_too_much_or_too_little_is_refused(
    bench: Bench, arguments: dict[str, object], said: str
) -> None:
    assert said in await bench.refused("write", path="a.txt", **arguments)
