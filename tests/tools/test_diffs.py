from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.diffs import unified

LINES = st.lists(st.sampled_from(["a", "b", "c", "x\x0cy", "", "é", "1", "2", "3"]), max_size=30)
ENDS = st.sampled_from(["", "\n"])


def patched(before: str, diff: str) -> str:
    """Apply a diff by its line numbers, every context line checked."""
    source = [f"{line}\n" for line in before.split("\n")]
    source[-1] = source[-1][:-1]
    source = [line for line in source if line]
    out: list[str] = []
    at = 0
    rows = diff.replace("\n\\ No newline at end of file\n", "\x00").split("\n")[2:]
    for row in (part for each in rows for part in each.replace("\x00", "\x00\n").split("\n")):
        line = row[1:].removesuffix("\x00") + ("" if row.endswith("\x00") else "\n")
        if row.startswith("@@"):
            start, _, count = row.split()[1][1:].partition(",")
            first = int(start) - (0 if count == "0" else 1)
            out += source[at:first]
            at = first
        elif row.startswith("+"):
            out.append(line)
        elif row:
            assert source[at] == line
            at += 1
            if row.startswith(" "):
                out.append(line)
    return "".join([*out, *source[at:]])


@given(LINES, ENDS, LINES, ENDS)
def test_a_diff_applied_by_its_numbers_gives_the_new_text(
    old: list[str], end: str, new: list[str], other_end: str
) -> None:
    before, after = "\n".join(old) + end, "\n".join(new) + other_end
    diff = unified("a", before, after)
    assert bool(diff) == (before != after)
    assert patched(before, diff) == after


@given(LINES, st.integers(0, 30), st.lists(st.sampled_from(["new", "a"]), max_size=3))
def test_a_small_change_makes_a_small_diff(lines: list[str], at: int, come: list[str]) -> None:
    before = "".join(f"{line}\n" for line in lines)
    after = "".join(f"{line}\n" for line in [*lines[:at], *come, *lines[at + 1 :]])
    rows = unified("a", before, after).split("\n")[2:]
    assert sum(row.startswith("+") for row in rows) <= len(come)
    assert sum(row.startswith("-") for row in rows) <= 1


def test_the_form_is_that_of_diff() -> None:
    before = "".join(f"{number}\n" for number in range(1, 31))
    after = before.replace("\n5\n", "\nfive\n").replace("\n20\n", "\n20\n20.5\n") + "31"
    assert unified("a", before, after) == (
        "--- a/a\n+++ b/a\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        "@@ -18,6 +18,7 @@\n 18\n 19\n 20\n+20.5\n 21\n 22\n 23\n"
        "@@ -28,3 +29,4 @@\n 28\n 29\n 30\n+31\n\\ No newline at end of file\n"
    )
    assert unified("a", "", "x\n") == "--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+x\n"
    assert unified("a", "x\n", "") == "--- a/a\n+++ b/a\n@@ -1 +0,0 @@\n-x\n"
