"""Colours by role, and the signs that carry the same meaning without them."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

from agent.policy import Autonomy

# -- roles: styles of `Content`, resolved by the theme
DIM = "$text-muted"
FAINT = "$text-disabled"
STRONG = "bold"
RULE = "$rule"
NAME = "$primary"  # files, functions, commands
GOOD = "$success"
BAD = "$error"
WARM = "$warning"
ADDED = "on $diff-added"
REMOVED = "on $diff-removed"
ADDED_SIGN = "$success on $diff-added"
REMOVED_SIGN = "$error on $diff-removed"
ADDED_WORD = "bold on $diff-added-word"
REMOVED_WORD = "bold on $diff-removed-word"


def level_style(level: Autonomy) -> str:
    """Return the colour of a notch, from calm to warm."""
    return f"$level-{int(level)}"


# -- signs: one cell wide each
RUNNING, DONE, FAILED, REFUSED, WAITING, CUT = "●", "✓", "✗", "⊘", "?", "-"
OPENED, CLOSED = "▾", "▸"
TOOLS = {
    "read": "◇",
    "edit": "✎",
    "write": "+",
    "search": "⌕",
    "shell": "$",
    "git": "⎇",
    "check": "≡",
    "fetch": "↓",
    "plan": "☰",
    "ask": "?",
    "show": "▦",
}
TOOL = "·"  # any other
PLAYING, PAUSED, ENDED = "▸", "‖", "■"
PHASE, ATTEMPTS = "·", "↻"

_LEVELS_DARK = ("#6ea8d9", "#5fb8a6", "#9bbf65", "#e0b15c", "#e57f6b")
_LEVELS_LIGHT = ("#2f6fa8", "#1f7d6c", "#55771f", "#96660a", "#b1402b")
_LEVELS_CONTRAST = ("#66ccff", "#33ffcc", "#99ff33", "#ffcc00", "#ff6655")
_LEVELS_ANSI = ("ansi_blue", "ansi_cyan", "ansi_green", "ansi_yellow", "ansi_red")


# `text-muted` and `text-disabled` are given by each theme: Textual's own are `auto` with a part of
# its strength, which is lost where lines are drawn by a widget itself
def _more(levels: tuple[str, ...], added: str, removed: str, **others: str) -> dict[str, str]:
    named = {f"level-{number}": colour for number, colour in enumerate(levels)}
    return named | {"diff-added": added, "diff-removed": removed} | others


def _quiet(background: str, line: str) -> dict[str, str]:
    """Return the colours of what is there and not looked at: rules and scroll bars."""
    bars = {f"scrollbar-background{each}": background for each in ("", "-hover", "-active")}
    return bars | {"scrollbar": line, "scrollbar-corner-color": background, "rule": line}


THEMES = (
    Theme(
        name="wisp-dark",
        primary="#7aa2f7",
        secondary="#7dcfff",
        accent="#c099ff",
        foreground="#d5d9e0",
        background="#14161b",
        surface="#1b1e25",
        panel="#252a33",
        success="#7ec384",
        warning="#e5b567",
        error="#e8706f",
        dark=True,
        variables=_more(
            _LEVELS_DARK,
            "#1d3326",
            "#3a2226",
            **{"text-muted": "#9299a6", "text-disabled": "#6b7280"},
            **{"diff-added-word": "#2f5a3f", "diff-removed-word": "#67323a"},
            **_quiet("#14161b", "#343a46"),
        ),
    ),
    Theme(
        name="wisp-light",
        primary="#2a5db0",
        secondary="#0f6f8c",
        accent="#7a3fb0",
        foreground="#2b2f36",
        background="#fbfaf7",
        surface="#f2f0eb",
        panel="#e5e2da",
        success="#2f7d3b",
        warning="#96660a",
        error="#b3302f",
        dark=False,
        variables=_more(
            _LEVELS_LIGHT,
            "#dcefdc",
            "#f6dedd",
            **{"text-muted": "#646973", "text-disabled": "#858a94"},
            **{"diff-added-word": "#b3dcb5", "diff-removed-word": "#ecb5b3"},
            **_quiet("#fbfaf7", "#cfccc3"),
        ),
    ),
    Theme(
        name="wisp-contrast",
        primary="#66ccff",
        secondary="#66ffff",
        accent="#ff99ff",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        success="#33ff66",
        warning="#ffd700",
        error="#ff6b6b",
        dark=True,
        variables=_more(
            _LEVELS_CONTRAST,
            "#00401a",
            "#5a0000",
            **{"text-muted": "#e0e0e0", "text-disabled": "#c0c0c0"},
            **{"diff-added-word": "#007a33", "diff-removed-word": "#a00000"},
            **_quiet("#000000", "#8a8a8a"),
        ),
    ),
    Theme(
        name="wisp-ansi",
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_magenta",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        dark=True,
        variables=BUILTIN_THEMES["ansi-dark"].variables
        | _more(
            _LEVELS_ANSI,
            "ansi_default",
            "ansi_default",
            **{"text-muted": "ansi_default", "text-disabled": "ansi_bright_black"},
            **{"diff-added-word": "ansi_green", "diff-removed-word": "ansi_red"},
            **_quiet("ansi_default", "ansi_bright_black"),
        ),
    ),
)
