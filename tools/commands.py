"""What a shell command would do, read from its text, for where no sandbox contains it."""

from __future__ import annotations


def plain_words(command: str) -> tuple[str, ...] | None:
    """Return the words of one plain command, or None when it is anything else."""
    ...
