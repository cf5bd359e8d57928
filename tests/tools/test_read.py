from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tools.base import Effect


async def test_a_small_file_is_shown_whole_with_every_tenth_line_numbered(bench: Bench) -> None:
    bench.file("a.py", "".join(f"x{number}\n" for number in range(1, 13)))
    result = await bench.call("read", path="a.py")
    assert result.text == "1|x1\nx2\nx3\nx4\nx5\nx6\nx7\nx8\nx9\n10|x10\nx11\nx12"
    assert result.summary == "a.py: lines 1-12 of 12"


async def test_a_long_file_ends_with_the_call_that_continues_it(bench: Bench) -> None:
    bench.file("a.txt", "".join(f"{number}\n" for number in range(1, 501)))
    first = await bench.call("read", path="a.txt")
    assert first.text.endswith(
        "200|200\n[… 300 more lines; continue with read path=a.txt start=201 …]"
    )
    second = await bench.call("read", path="a.txt", start=401)
    assert second.text.startswith("401|401\n402\n")
    assert second.text.endswith("500|500")
    part = await bench.call("read", path="a.txt", start=3, end=4)
    assert part.text == "3|3\n4"


async def test_wide_lines_end_a_page_by_their_bytes_and_are_cut(bench: Bench) -> None:
    bench.file("a.txt", ("é" * 390 + "\n") * 100 + "z" * 1000 + "\n")
    page = await bench.call("read", path="a.txt")
    assert len(page.text.encode()) < 8200
    assert "[… 91 more lines; continue with read path=a.txt start=11 …]" in page.text
    last = await bench.call("read", path="a.txt", start=101)
    assert last.text == "101|" + "z" * 400 + "… (+600 characters)"


async def test_a_read_is_remembered_by_the_hash_of_the_whole_file(bench: Bench) -> None:
    bench.file("a.txt", "abc")
    await bench.call("read", path="./a.txt", start=1, end=1)
    assert bench.context.memory.seen == {
        "a.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }


async def test_a_folder_is_listed_without_what_is_ignored(bench: Bench) -> None:
    bench.file("src/a.py", "")
    bench.file("src/deep/b.py", "")
    bench.file("src/deep/c.py", "")
    bench.file("src/build/x", "")
    bench.file(".gitignore", "build/\n")
    assert (await bench.call("read", path="src")).text == "deep/ (2 files)\na.py"
    assert (await bench.call("read", path=".")).text == "src/ (3 files)\n.gitignore"
    (bench.root / "empty").mkdir()
    assert "no files" in (await bench.call("read", path="empty")).text


async def test_a_long_listing_says_what_it_leaves_out(bench: Bench) -> None:
    for number in range(130):
        bench.file(f"many/{number:03}", "")
    assert (await bench.call("read", path="many")).text.endswith(
        "\n099\n[… 30 more; use search with path=many and a glob …]"
    )


async def test_odd_files_are_refused_with_what_they_are(bench: Bench) -> None:
    bench.file("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    assert "binary (PNG image), 108 bytes" in await bench.refused("read", path="a.png")
    os.mkfifo(bench.root / "pipe")
    assert "pipe" in await bench.refused("read", path="pipe")
    (bench.root / "link").symlink_to("/etc/hostname")
    assert bench.effects("read", path="link") == {Effect.READ, Effect.OUTSIDE}


async def test_a_missing_file_is_answered_with_the_nearest_name(bench: Bench) -> None:
    bench.file("src/parser.py", "x")
    said = await bench.refused("read", path="src/parsr.py")
    assert "did you mean src/parser.py" in said


async def test_impossible_ranges_are_refused_with_the_length(bench: Bench) -> None:
    bench.file("a.txt", "1\n2\n")
    assert "has 2 lines" in await bench.refused("read", path="a.txt", start=3)
    assert "before start" in await bench.refused("read", path="a.txt", start=2, end=1)
    assert (await bench.call("read", path="a.txt", start=0, end=99)).text == "1|1\n2"
    bench.file("empty", "")
    assert (await bench.call("read", path="empty")).text == "empty is empty"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
async def test_text_of_any_encoding_and_line_ending_is_readable(
    bench: Bench, encoding: str
) -> None:
    bench.file("a.txt", "café\r\nzwei\r\n".encode(encoding))
    assert (await bench.call("read", path="a.txt")).text == "1|café\nzwei"


async def test_a_file_outside_is_another_effect_and_its_secrets_stay(
    bench: Bench, tmp_path: Path
) -> None:
    outside = tmp_path / "notes.txt"
    outside.write_text("hello\n")
    assert bench.effects("read", path=str(outside)) == {Effect.READ, Effect.OUTSIDE}
    assert bench.effects("read", path="../notes.txt") == {Effect.READ, Effect.OUTSIDE}
    assert (await bench.call("read", path=str(outside))).text == "1|hello"
    assert (await bench.call("read", path="../notes.txt")).text == "1|hello"
    assert bench.context.memory.seen == {}
    assert "secret" in await bench.refused("read", path="/etc/shadow")


async def test_a_file_in_an_added_folder_is_inside(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.txt").write_text("b\n")
    bench = make_bench(other)
    assert bench.effects("read", path=str(other / "b.txt")) == {Effect.READ}
    assert (await bench.call("read", path=str(other / "b.txt"))).text == "1|b"


async def test_names_with_blanks_dashes_and_newlines_are_read(bench: Bench) -> None:
    for name in ("a b.txt", "-n", "two\nlines.txt"):
        bench.file(name, "ok\n")
        assert (await bench.call("read", path=name)).text == "1|ok"
