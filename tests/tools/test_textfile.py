from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.base import ToolError
from tools.textfile import NotText, TextFile

PIECES = st.sampled_from(["a", "é", "日", "  ", "\n", "\r\n", "\r", "x = 1", "\u2028", "\f"])
RAW = st.lists(PIECES, max_size=30).map("".join)
WRITTEN = st.sampled_from(
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ]
)


@given(RAW, WRITTEN)
def test_every_encoding_and_line_ending_comes_back_byte_for_byte(
    raw: str, written: tuple[str, bytes]
) -> None:
    encoding, mark = written
    data = mark + raw.encode(encoding)
    file = TextFile.decode(data)
    assert file.encode() == data
    assert file.encoding == encoding


@given(st.binary(max_size=200))
def test_bytes_that_are_taken_for_text_come_back_whatever_they_are(data: bytes) -> None:
    try:
        file = TextFile.decode(data)
    except NotText:
        return
    assert file.encode() == data


LINES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "", "é"]), st.sampled_from(["\n", "\r\n"])), max_size=12
)


@given(LINES, st.data())
def test_a_splice_changes_no_line_but_those_it_is_laid_over(
    lines: list[tuple[str, str]], data: st.DataObject
) -> None:
    raw = [text + ending for text, ending in lines]
    file = TextFile.decode("".join(raw).encode())
    first = data.draw(st.integers(0, len(lines)))
    last = data.draw(st.integers(first, len(lines)))
    start = sum(len(text) + 1 for text, _ in lines[:first])
    end = sum(len(text) + 1 for text, _ in lines[:last])
    new = data.draw(st.lists(st.sampled_from(["new\n", "a\n", "\n"]), max_size=4).map("".join))
    after = file.spliced(start, end, new).encode().decode()
    before_it, after_it = "".join(raw[:first]), "".join(raw[last:])
    assert after.startswith(before_it)
    assert after.endswith(after_it)
    middle = after[len(before_it) : len(after) - len(after_it)]
    assert middle.replace("\r\n", "\n") == new


def test_a_line_edited_in_a_file_of_mixed_endings_leaves_the_others() -> None:
    file = TextFile.decode(b"one\r\ntwo\nthree\r\nfour")
    assert file.text == "one\ntwo\nthree\nfour"
    at = file.text.index("two")
    assert file.spliced(at, at + 3, "2").encode() == b"one\r\n2\nthree\r\nfour"


def test_new_lines_end_as_most_lines_of_the_file_do() -> None:
    file = TextFile.decode(b"one\r\ntwo\r\n")
    assert file.spliced(4, 4, "and\na half\n").encode() == b"one\r\nand\r\na half\r\ntwo\r\n"
    mixed = TextFile.decode(b"one\r\ntwo\nthree\r\n")
    assert mixed.spliced(4, 4, "x\ny\n").encode() == b"one\r\nx\r\ny\r\ntwo\nthree\r\n"


def test_a_carriage_return_within_a_line_is_no_line_ending() -> None:
    file = TextFile.decode(b"10%\r20%\n")
    assert file.text == "10%\r20%\n"
    assert TextFile.decode(b"one\rtwo\r").text == "one\ntwo\n"  # the old Macintosh


def test_bytes_that_are_not_utf_8_are_read_as_latin_1() -> None:
    file = TextFile.decode("caf\xe9\n".encode("latin-1"))
    assert (file.text, file.encoding) == ("café\n", "latin-1")


def test_a_character_that_the_encoding_lacks_is_refused() -> None:
    file = TextFile.decode("caf\xe9".encode("latin-1"))
    with pytest.raises(ToolError, match="latin-1"):
        file.spliced(0, 0, "→").encode()
    with pytest.raises(ToolError, match="utf-8"):
        TextFile("\ud800").encode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG image"),
        (b"\x7fELF\x02\x01\x01\x00", "ELF"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"abc\x00def", "unknown"),
        (bytes(range(1, 32)) * 4 + b"\xff", "unknown"),
    ],
)
def test_data_is_told_from_text_and_named(data: bytes, kind: str) -> None:
    with pytest.raises(NotText, match=kind):
        TextFile.decode(data)
