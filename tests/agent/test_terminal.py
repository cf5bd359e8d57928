"""What a terminal is given only shows: text for reading, text for a decision, streams."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.events import Notice, as_line, parse
from agent.terminal import exact, hidden, inert, seen, size

JOINERS = "\u200c\u200d"
STYLES = "\ufe0e\ufe0f"


@pytest.mark.parametrize(
    "text",
    [
        "plain é 漢字 👍\n\ttab",
        "wide\u3000space\u00a0too",
        "\u0645\u06cc\u200c\u062e\u0648",  # Persian, with the non-joiner that its spelling wants
        "क\u094d\u200dष",  # Devanagari: a half letter
        "👩\u200d💻 👩🏽\u200d🚀 🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3",
        "e\u0301 Tiếng Việt שָׁלוֹם ที่",
        "葛\U000e0100",  # a variant of a letter
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert inert(text) == text
    assert hidden(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]52;c;x\x07", "\\x1b[2J\\x1b]52;c;x\\x07"),
        (
            "\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\",
            "\\x1b]8;;http://x\\x1b\\here\\x1b]8;;\\x1b\\",
        ),
        ("a\rb\x08c\x9b\x85\x7f\0", "a\\x0db\\x08c\\x9b\\x85\\x7f\\x00"),
        ("\u202egnp.exe\u200b\ufeff\u2066", "\\u202egnp.exe\\u200b\\ufeff\\u2066"),
        ("\u2028\U000e0041\udcff", "\\u2028\\U000e0041\\udcff"),
        ("a\u200db \u200c", "a\\u200db \\u200c"),
        ("x\ufe0f\ufe0fy\U000e0101", "x\\ufe0f\\ufe0fy\\U000e0101"),
        ("\u3164\u115f\u2800\u034f\u2800\ufe0f", "\\u3164\\u115f\\u2800\\u034f\\u2800\\ufe0f"),
        ("z" + "\u0301" * 6, "z" + "\u0301" * 4 + "\\u0301\\u0301"),
        ("[red]a[/red] [link=x] [@click=app.quit]", "[red]a[/red] [link=x] [@click=app.quit]"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_told_by_number(text: str, shown: str) -> None:
    assert inert(text) == shown


@settings(deadline=None)
@given(st.text(st.characters()))
@example("\u2800\u200d👍")
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    told = inert(text)
    for char in told:
        assert seen(char) or char in JOINERS + STYLES or unicodedata.category(char) == "Mn"
        assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") or char in "\n\t"
        assert unicodedata.category(char) != "Cf" or char in JOINERS
    assert inert(told) == told


@settings(deadline=None)
@given(st.text(st.characters()))
def test_nothing_hides_in_what_is_decided_on(text: str) -> None:
    for char in exact(text):
        assert char == "\n" or (seen(char) and unicodedata.category(char) not in ("Cf", "Cc"))
        assert char == " " or unicodedata.category(char) != "Zs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -l a  b", "ls -l a  b"),
        ("a" + " " * 5000 + "rm -rf x", "[5,009 characters] a[5,000 spaces]rm -rf x"),
        ("\tmake\u00a0x\u200d  ", "\\tmake\\xa0x\\u200d[2 spaces]"),
        (" \n+        deep", " \n+        deep"),
        ("a" + "\n" * 300 + "b", "a\n[299 empty lines]\nb"),
        ("a\n\nb\n", "a\n\nb\n"),
        ("x" * 301, "[301 characters] " + "x" * 301),
        ("\u06cc\u200c\u062e", "\u06cc\\u200c\u062e"),
    ],
)
def test_a_decision_is_made_on_all_of_it(text: str, shown: str) -> None:
    assert exact(text) == shown


def test_how_much_it_is_is_said() -> None:
    assert size("one") == "1 line, 3 characters"
    assert size("one\n" * 1200) == "1,200 lines, 4,800 characters"


def test_hidden_characters_are_counted_by_line() -> None:
    assert hidden("fine\r\nbe\u200b good\u202e\n\nand\U000e0041\n") == [(2, 2), (4, 1)]


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")))
@example("\x9b2J\u202e\U000e0041\x7f\u200d\ufe0f")
def test_a_line_of_json_is_harmless_and_comes_back(text: str) -> None:
    line = as_line(Notice(text=text))
    assert json.loads(line)["text"] == text
    assert parse(line) == Notice(text=text)
    assert all(seen(char) and char != "\n" for char in line)


def test_a_crash_is_told_without_secrets_or_controls() -> None:
    token = "Qw3-Er5_Ty7.Ui9Op1As2Df4"
    program = (
        "import sys; from agent import entry, terminal; terminal.guard()\n"
        "sys.excepthook = entry._crashed\n"
        f"raise ValueError('it was {token}' + chr(27) + '[2J' + chr(0x9b))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"SOME_API_TOKEN": token, "HOME": "/nonexistent"},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: it was [redacted: SOME_API_TOKEN]\\x1b[2J\\x9b\n")
