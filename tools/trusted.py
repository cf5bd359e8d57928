"""Finds the programs that tools need, where the workspace cannot have put them."""

from __future__ import annotations

from pathlib import Path

from sandbox import environment


def trusted_program(name: str, root: Path) -> str | None:
    """Return the absolute path of a program that lies outside the workspace, or None."""
    found = environment.trusted_program(name, [root])
    return None if found is None else str(found)
