"""What the terminal is: its colours, its notices, and giving it away to another program."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.config import cache_path
from agent.terminal import inert
from sandbox.foreground import edit

if TYPE_CHECKING:
    from tui.app import Wisp

NAMES: Mapping[str, str] = {
    "dark": "wisp-dark",
    "light": "wisp-light",
    "contrast": "wisp-contrast",
    "ansi": "wisp-ansi",
}
# the command that each key of a screen is
OPENS = {
    "help": "help",
    "policy": "policy",
    "changes": "diff",
    "sessions": "sessions",
    "rewind": "rewind",
    "models": "model",
}
_LIGHT = (7, 9, 10, 11, 12, 13, 14, 15)  # colours of a terminal that are light


def theme(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the theme of a name; `auto` asks the terminal what it says of itself."""
    if name in NAMES:
        return NAMES[name]
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    light = background.isdecimal() and int(background) in _LIGHT
    return NAMES["light" if light else "dark"]


def notice(app: Wisp, text: str) -> None:
    """Ring, and ask the terminal for a notice on the desktop; one that cannot shows nothing."""
    app.bell()
    words = re.sub(r"[\x00-\x1f\x7f-\x9f;]", " ", inert(text))[:80]
    if app._driver is not None:
        app._driver.write(f"\x1b]9;wisp: {words}\x07")


def edited(app: Wisp, text: str) -> str:
    """Let the user edit a text in their own editor; what went wrong is told, and the text stays."""
    try:
        with app.suspend():
            return edit(text, cache_path() / "editing", os.environ)
    except (OSError, ValueError) as error:
        app.tell(f"error: the editor could not be used: {error}", "set $EDITOR")
        return text
