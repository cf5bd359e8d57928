"""Long text made short: its head and its tail, and an honest note of what was left out."""

from __future__ import annotations

LINES = 200
SIZE = 8000  # bytes of UTF-8
LINE_WIDTH = 400  # characters


def size_of(text: str) -> int:
    """Return the bytes it takes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def split_lines(text: str) -> list[str]:
    """Return the lines with their ends; only a line feed ends one, not a progress bar's return."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def shorten(
    text: str, *, lines: int = LINES, size: int = SIZE, head: float = 0.5, hint: str = ""
) -> str:
    """Return the text, or its head and tail with a note between them.

    What is kept has at most `lines` lines and `size` bytes, `head` being the share of its start;
    the note comes on top. `hint` is added to the note: how to see the rest.
    """
    parts = split_lines(text)
    if len(parts) <= lines and size_of(text) <= size:
        return text
    first = _fitting(parts, int(lines * head), int(size * head))
    rest = parts[first:]
    last = _fitting(rest[::-1], lines - first, size - sum(map(size_of, parts[:first])))
    start, end = "".join(parts[:first]), "".join(rest[len(rest) - last :])
    left_out = rest[: len(rest) - last]
    if not left_out:
        return text
    note = f"{len(left_out)} lines" if len(left_out) > 1 else "1 line"
    if not start and not end:  # not even one line fits: cut inside the first and the last
        start = _cut(parts[0].rstrip("\n"), int(size * head))
        end = _cut(parts[-1][::-1], size - size_of(start))[::-1]
        left_out = [text[len(start) : len(text) - len(end)]]
        note = "part of the text" if len(parts) > 1 else "part of the line"
        start, end = f"{start}\n", f"\n{end}"
        note = f"[… {note} left out: {sum(map(size_of, left_out)):,} bytes{_and(hint)} …]"
        return start + note + end
    note = f"[… {note} left out: {sum(map(size_of, left_out)):,} bytes{_and(hint)} …]\n"
    return start + note + end


def _and(hint: str) -> str:
    return f"; {hint}" if hint else ""


def _fitting(parts: list[str], lines: int, size: int) -> int:
    """Return how many parts from the start fit."""
    used = 0
    for count, part in enumerate(parts):
        used += size_of(part)
        if count >= lines or used > size:
            return count
    return len(parts)


def _cut(text: str, size: int) -> str:
    """Return the longest start that takes at most `size` bytes."""
    return text[:size].encode(errors="replace")[:size].decode(errors="ignore")


def cut_line(line: str, width: int = LINE_WIDTH, around: int = 0) -> str:
    """Return a line of at most about `width` characters that shows the place `around`."""
    line = line.rstrip("\n")
    if len(line) <= width:
        return line
    start = max(0, min(around - width // 3, len(line) - width))
    end = start + width
    before = "…" if start else ""
    return f"{before}{line[start:end]}… (+{len(line) - width} characters)"
