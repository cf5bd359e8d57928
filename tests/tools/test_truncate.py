from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tools.truncate import cut_line, shorten, size_of

TEXT = st.lists(st.text(alphabet="ab é日\r", max_size=12), max_size=40).map("\n".join)


def test_short_text_is_left_alone() -> None:
    assert shorten("a\nb\n") == "a\nb\n"
    assert shorten("") == ""


def test_long_text_keeps_its_head_and_its_tail_and_says_what_is_gone() -> None:
    text = "".join(f"line {number}\n" for number in range(1, 101))
    short = shorten(text, lines=6, hint="see log.txt")
    assert short == (
        "line 1\nline 2\nline 3\n[… 94 lines left out: 746 bytes; see log.txt …]\n"
        "line 98\nline 99\nline 100\n"
    )


def test_one_line_that_is_too_long_is_cut_within() -> None:
    short = shorten("x" * 50 + "y" * 50, size=20)
    assert short == "xxxxxxxxxx\n[… part of the line left out: 80 bytes …]\nyyyyyyyyyy"


def test_the_head_can_be_given_a_smaller_share() -> None:
    text = "".join(f"{number}\n" for number in range(100))
    assert shorten(text, lines=10, head=0.2).startswith("0\n1\n[…")
    assert shorten(text, lines=10, head=0.0).startswith("[… 90 lines")


@example("\n\naaaaaaaaa", 1, 8, 0.3)
@given(TEXT, st.integers(1, 10), st.integers(8, 80), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_what_is_kept_is_the_text_itself_and_stays_within_its_bounds(
    text: str, lines: int, size: int, head: float
) -> None:
    short = shorten(text, lines=lines, size=size, head=head)
    if short == text:
        return
    before, _, rest = short.partition("[… ")
    note, _, after = rest.partition(" …]")
    assert "left out: " in note
    assert text.startswith(before.rstrip("\n")) or text.startswith(before)
    assert text.endswith(after.removeprefix("\n"))
    assert size_of(before) + size_of(after) <= size + 2
    assert before.count("\n") + after.removeprefix("\n").count("\n") <= lines + 1


def test_a_long_line_shows_the_place_that_matters() -> None:
    line = "a" * 300 + "needle" + "b" * 300
    cut = cut_line(line, 60, 300)
    assert "needle" in cut
    assert cut.endswith("… (+546 characters)")
    assert cut_line("short\n") == "short"
