from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tools.base import Effect, ToolError

CODE = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"


async def test_a_text_is_replaced_and_the_diff_shown(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    result = await bench.call("edit", path="a.py", old="return 1", new="return 3")
    assert place.read_text() == CODE.replace("return 1", "return 3")
    assert result.text == ("edited a.py (+1 -1 lines). Lines 1-4 are now:\ndef f():\n    return 3")
    assert result.changed == ("a.py",)
    assert result.diff == (
        "--- a/a.py\n+++ b/a.py\n@@ -1,5 +1,5 @@\n def f():\n-    return 1\n+    return 3\n"
        " \n \n def g():\n"
    )


async def test_the_preview_is_the_diff_and_changes_nothing(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    preview = bench.preview("edit", path="a.py", old="return 1", new="return 3")
    assert preview.kind == "diff"
    assert "+    return 3" in preview.body
    assert place.read_text() == CODE


async def test_a_definition_is_replaced_by_its_name(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    await bench.call("edit", path="a.py", symbol="g", new="def g():\n    return 5\n")
    assert place.read_text() == CODE.replace("return 2", "return 5")


async def test_several_edits_land_together(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    edits = [{"old": "return 1", "new": "return 3"}, {"symbol": "g", "new": "def g(): pass"}]
    result = await bench.call("edit", path="a.py", edits=edits)
    assert place.read_text() == "def f():\n    return 3\n\n\ndef g(): pass\n"
    assert result.text == (
        "edited a.py (+2 -3 lines). Lines 1-6 are now:\ndef f():\n    return 3\n\n\ndef g(): pass"
    )


async def test_one_edit_that_fails_leaves_all_of_them_out(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    edits = [{"old": "return 1", "new": "return 3"}, {"old": "return 9", "new": "x"}]
    said = await bench.refused("edit", path="a.py", edits=edits)
    assert said.startswith("edit 2 of 2, so none was made: ")
    assert place.read_text() == CODE


async def test_every_match_is_replaced_only_when_asked(bench: Bench) -> None:
    place = bench.file("a.txt", "one one\none\n")
    assert "3 matches" in await bench.refused("edit", path="a.txt", old="one", new="two")
    await bench.call("edit", path="a.txt", old="one", new="two", all=True)
    assert place.read_text() == "two two\ntwo\n"


async def test_a_near_match_is_not_applied_but_shown(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    said = await bench.refused("edit", path="a.py", old="def f():\n    return 7", new="x = 1")
    assert said.endswith("lines 1-2; quote it exactly:\ndef f():\n    return 1")
    assert place.read_text() == CODE


async def test_adjusted_indentation_is_told(bench: Bench) -> None:
    place = bench.file("a.py", "class A:\n    def f(self):\n        return 1\n")
    old, new = "def f(self):\n    return 1", "def f(self):\n    return 2"
    result = await bench.call("edit", path="a.py", old=old, new=new)
    assert "indentation was adjusted" in result.text
    assert place.read_text() == "class A:\n    def f(self):\n        return 2\n"


async def test_more_lines_for_one_quoted_without_its_blanks_are_indented(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    new = "if x:\n    return 3\nreturn 1"
    result = await bench.call("edit", path="a.py", old="return 1", new=new)
    assert "indentation was adjusted" in result.text
    assert place.read_text().startswith("def f():\n    if x:\n        return 3\n    return 1\n\n")


@pytest.mark.parametrize(
    ("path", "text", "old", "new", "line"),
    [
        ("a.py", CODE, "return 1", "return (1", 2),
        ("a.py", CODE, "    return 1", "  return 1\n    x = 2", 3),
        ("a.js", "function f() {\n  g();\n}\n", "g();", "g(;", 2),
        ("a.go", "package a\n\nfunc f() {\n}\n", "func f() {", "func f( {", 3),
    ],
)
async def test_an_edit_that_breaks_the_syntax_is_refused_with_the_line(
    bench: Bench, path: str, text: str, old: str, new: str, line: int
) -> None:
    place = bench.file(path, text)
    said = await bench.refused("edit", path=path, old=old, new=new)
    assert f"Line {line}: " in said
    assert place.read_text() == text


async def test_a_file_that_was_broken_before_can_be_mended_step_by_step(bench: Bench) -> None:
    place = bench.file("a.py", "x = = 1\ny = = 2\n")
    await bench.call("edit", path="a.py", old="x = = 1", new="x = 1")
    assert place.read_text() == "x = 1\ny = = 2\n"


async def test_a_file_that_changed_since_it_was_read_is_refused(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    await bench.call("read", path="a.py")
    place.write_text(CODE + "\nx = 1\n")
    said = await bench.refused("edit", path="a.py", old="return 1", new="return 3")
    assert said == "a.py changed since you read it; read it again, then repeat the change"
    assert place.read_text() == CODE + "\nx = 1\n"
    await bench.call("read", path="a.py")
    await bench.call("edit", path="a.py", old="return 1", new="return 3")
    assert "return 3" in place.read_text()


async def test_a_file_only_touched_since_it_was_read_is_edited(bench: Bench) -> None:
    place = bench.file("a.py", CODE)
    await bench.call("read", path="a.py")
    os.utime(place, (1, 1))
    await bench.call("edit", path="a.py", old="return 1", new="return 3")
    await bench.call("edit", path="a.py", old="return 2", new="return 4")
    assert place.read_text() == "def f():\n    return 3\n\n\ndef g():\n    return 4\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = 1\r\nb = 2\r\n", b"a = 1\r\nb = 3\r\nc = 4\r\n"),
        (b"a = 1\r\nb = 2\nx", b"a = 1\r\nb = 3\r\nc = 4\nx"),
        (b"\xef\xbb\xbfb = 2", b"\xef\xbb\xbfb = 3\nc = 4"),
        ("b = 2 é\n".encode("utf-16"), "b = 3\nc = 4 é\n".encode("utf-16")),
        (b"b = 2 \xe9\n", b"b = 3\nc = 4 \xe9\n"),
    ],
    ids=["crlf", "mixed", "byte order mark, no final newline", "utf-16", "latin-1"],
)
async def test_line_endings_encoding_and_the_end_of_the_file_survive(
    bench: Bench, before: bytes, after: bytes
) -> None:
    place = bench.file("a.txt", before)
    await bench.call("edit", path="a.txt", old="b = 2", new="b = 3\r\nc = 4")
    assert place.read_bytes() == after


async def test_the_mode_survives(bench: Bench) -> None:
    place = bench.file("run.sh", "#!/bin/sh\necho 1\n")
    place.chmod(0o755)
    await bench.call("edit", path="run.sh", old="echo 1", new="echo 2")
    assert place.stat().st_mode & 0o777 == 0o755


async def test_what_may_not_be_edited_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.file(".git/config", "[core]\n")
    assert "protected" in await bench.refused("edit", path=".git/config", old="core", new="x")
    (tmp_path / "out.txt").write_text("a")
    assert bench.effects("edit", path="../out.txt", old="a", new="b") == {
        Effect.EDIT,
        Effect.OUTSIDE,
    }
    assert "outside" in await bench.refused("edit", path="../out.txt", old="a", new="b")
    (bench.root / "link").symlink_to(tmp_path / "out.txt")
    await bench.refused("edit", path="link", old="a", new="b")
    assert (tmp_path / "out.txt").read_text() == "a"
    bench.file("a.bin", b"a\0b")
    assert "binary" in await bench.refused("edit", path="a.bin", old="a", new="b")
    assert "does not exist" in await bench.refused("edit", path="none.py", old="a", new="b")


async def test_a_preview_of_an_edit_that_cannot_land_says_so_before_anyone_is_asked(
    bench: Bench,
) -> None:

    bench.file("a.py", CODE)
    with pytest.raises(ToolError, match="not in the file"):
        bench.preview("edit", path="a.py", old="zzzzzz", new="b")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"new": "b"}, "give old or symbol"),
        ({"old": "a"}, "new is missing"),
        ({"edits": [{"new": "x"}]}, "give old or symbol"),
        ({"edits": [{"old": "a", "new": "b"}], "old": "a", "new": "b"}, "either edits"),
    ],
)
async def test_a_call_that_says_too_much_or_too_little_is_refused(
    bench: Bench, arguments: dict[str, object], said: str
) -> None:
    assert said in await bench.refused("edit", path="a.py", **arguments)


TWICE = "def one():\n    return total(1)\n\n\ndef two():\n    return total(1)\n"


async def test_a_symbol_beside_old_says_where_to_look(bench: Bench) -> None:
    file = bench.file("a.py", TWICE)
    assert "2 matches" in await bench.refused("edit", path="a.py", old="total(1)", new="total(2)")
    await bench.call("edit", path="a.py", old="total(1)", symbol="two", new="total(2)")
    assert file.read_text() == TWICE.replace(
        "two():\n    return total(1)", "two():\n    return total(2)"
    )
    # one that is no name of a definition says nothing
    await bench.call("edit", path="a.py", old="total(2)", symbol="nobody", new="total(3)")
    assert "total(3)" in file.read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def f():", 'def f():\n    """Say one."""'),
        ("def g():", "def between():\n    pass\n\n\ndef g():"),
    ],
)
async def test_what_was_put_beside_a_text_is_not_put_there_twice(
    bench: Bench, old: str, new: str
) -> None:
    place = bench.file("a.py", CODE)
    await bench.call("edit", path="a.py", old=old, new=new)
    once = place.read_text()
    assert once == CODE.replace(old, new)
    again = await bench.call("edit", path="a.py", old=old, new=new)
    assert (again.already, place.read_text()) == (True, once)


async def test_a_name_that_lost_its_definition_is_told_where_it_still_stands(bench: Bench) -> None:
    used = CODE + "\n\nprint(f(), f() + g())\nf\n"
    bench.file("a.py", used)
    result = await bench.call("edit", path="a.py", old="def f", new="def first")
    assert result.text == (
        "edited a.py (+1 -1 lines); line 9, 10: undefined name 'f'. Lines 1-3 are now:\n"
        "def first():\n    return 1"
    )
    result = await bench.call("edit", path="a.py", old="f()", new="first()", all=True)
    assert "defined here no more" not in result.text
    unused = await bench.call("edit", path="a.py", symbol="g", new="def other():\n    return 2\n")
    assert "line 9: undefined name 'g'" in unused.text
    bench.file("a.js", "function f() { return 1 }\nf()\n")
    script = await bench.call("edit", path="a.js", old="function f", new="function g")
    assert "`f` is defined here no more, and still named in line 2" in script.text


async def test_what_is_there_already_is_no_failure(bench: Bench) -> None:
    file = bench.file("a.py", "LIMIT = 30\nname = 1\n")
    result = await bench.call("edit", path="a.py", old="LIMIT = 10", new="LIMIT = 30")
    assert (result.ok, result.already, result.changed) == (True, True, ())
    assert "line 1 has this already" in result.text
    # a short text may stand there by chance
    assert "not in the file" in await bench.refused("edit", path="a.py", old="other", new="name")
    both = ({"old": "LIMIT = 10", "new": "LIMIT = 30"}, {"old": "name = 1", "new": "name = 2"})
    assert (await bench.call("edit", path="a.py", edits=list(both))).changed == ("a.py",)
    assert file.read_text() == "LIMIT = 30\nname = 2\n"


async def test_of_a_long_line_only_a_part_is_shown_again(bench: Bench) -> None:
    bench.file("a.txt", "x" * 100_000 + "old\n")
    result = await bench.call("edit", path="a.txt", old="old", new="new")
    assert len(result.text) < 400


async def test_a_copy_of_what_was_to_be_changed_is_no_change(bench: Bench) -> None:
    bench.file("a.py", CODE)
    with pytest.raises(ToolError, match="that is as it was; `new` must differ"):
        await bench.call("edit", path="a.py", symbol="f", new="def f():\n    return 1")
    await bench.call("edit", path="a.py", old="return 1", new="return 3")
    again = await bench.call("edit", path="a.py", symbol="f", new="def f():\n    return 3")
    assert again.already


async def test_a_bare_name_in_place_of_a_definition_renames_it(bench: Bench) -> None:
    place = bench.file("a.py", CODE + "\n\nprint(f())\n")
    result = await bench.call("edit", path="a.py", symbol="f", new="first")
    assert place.read_text() == (CODE + "\n\nprint(f())\n").replace("f()", "first()")
    assert "f is first now, in line 1, 9; other files may still name it" in result.text
    assert not result.broken
