"""What is shown of kept sessions: one as a row, and the last lines of one as text."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

from textual.content import Content

from agent.sessions import Kept
from agent.summary import Summary
from tui import theme
from tui.cards.lines import clean, cut, one_line, wrap
from tui.words import clip

_TAIL = 1 << 18  # bytes of a log that are read for its last lines
_ENDED = {
    "done": (theme.DONE, theme.GOOD),
    "unverified": (theme.CUT, theme.WARM),
    "blocked": (theme.REFUSED, theme.WARM),
    "limit": (theme.CUT, theme.WARM),
    "cancelled": (theme.CUT, theme.DIM),
    "failed": (theme.FAILED, theme.BAD),
    "open": (theme.CUT, theme.DIM),  # goes on elsewhere, or was cut off
}
_OUTCOME, _WHEN = 14, 11  # cells
_MODEL = 22
_WITH_MODEL = 76  # cells of a row, from which on the model is said


def outcome(word: str) -> Content:
    """Return how a session ended, as a sign and the word."""
    sign, style = _ENDED.get(word, (theme.CUT, theme.DIM))
    return Content.styled(f"{sign} {one_line(word) or 'no turn'}", style)


def when(used: float, now: float) -> str:
    """Return a moment of the past, as short as it is clear: `14:02`, `Fri 14:02`, `21 Nov`."""
    then, today = time.localtime(used), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    if 0 <= now - used < 6 * 86_400:
        return time.strftime("%a %H:%M", then)
    if then.tm_year == today.tm_year:
        return f"{then.tm_mday} {time.strftime('%b', then)}"
    return time.strftime("%Y-%m-%d", then)


def row(
    kept: Kept,
    summary: Summary | None,
    width: int,
    now: float,
    *,
    chosen: bool,
    here: bool = False,
    found: bool = False,
) -> Content:
    """Return a session as one line; without a summary only what its file tells.

    `here` says that it is the one on the main screen, `found` that a search found something in it.
    """
    mark = Content.styled("▸ " if chosen else "  ", theme.NAME)
    moment = Content.styled(when(kept.used, now).ljust(_WHEN), theme.DIM)
    if summary is None:
        told = Content.styled("…".ljust(_OUTCOME), theme.FAINT)
        return Content.assemble(mark, told, moment, (kept.id, theme.FAINT))
    ended = outcome(summary.outcome)
    if here:
        ended = Content.styled(f"{theme.RUNNING} this one", theme.NAME)
    room = max(8, width - 2 - _OUTCOME - _WHEN)
    model = ""
    if width >= _WITH_MODEL:
        room -= _MODEL + 2
        model = cut(one_line(summary.model), _MODEL)
    words = Content.assemble(("said in it  " if found else "", theme.DIM), title(summary))
    return Content.assemble(
        mark,
        ended.truncate(_OUTCOME, pad=True),
        moment,
        words.truncate(room, ellipsis=True, pad=bool(model)),
        (f"  {model}" if model else "", theme.DIM),
    )


def title(summary: Summary) -> Content:
    """Return what a session is about: its name, and its first prompt."""
    name = f"{one_line(summary.name)}  " if summary.name else ""
    prompt = one_line(summary.prompt)
    if not prompt:
        return Content.assemble((name, theme.NAME), ("no prompt yet", theme.FAINT))
    kind = f"{one_line(summary.kind)}: " if summary.kind not in ("run", "") else ""
    return Content.assemble((name, theme.NAME), (kind, theme.DIM), prompt)


def about(kept: Kept, summary: Summary | None, now: float, width: int) -> list[Content]:
    """Return what a row has no room for, in two lines."""
    if summary is None:
        return [Content(kept.id), Content("")]
    parts = (when(kept.used, now), one_line(summary.model), kept.id)
    said = "  ".join(part for part in parts if part)
    first = title(summary).truncate(width, ellipsis=True)
    return [first, Content.styled(clip(said, width), theme.DIM)]


def matches(summary: Summary, words: Sequence[str]) -> bool:
    """Whether each word, folded to one case, stands in what the list shows of a session."""
    shown = (summary.name, summary.prompt, summary.model, summary.outcome, summary.id)
    text = "\n".join(shown).casefold()
    return all(word in text for word in words)


# -- the last lines


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a session as text, reading little of a long log.

    Raises OSError where it cannot be read.
    """
    from agent.events import Base, parse
    from agent.transcript import lines

    said: list[Base] = []
    with path.open("rb") as file:
        begin = max(0, path.stat().st_size - _TAIL)
        at = 0
        for line in file:
            # of what is long ago only the beginnings of turns, so that the numbers are right
            if at >= begin or b'"type":"turn_started"' in line:
                with contextlib.suppress(ValueError):  # torn, or not of this version
                    said.append(parse(line))
            at += len(line)
    return list(lines(said))[-count:]


_LOOKS = (
    (re.compile(r"== turn \d+"), f"{theme.STRONG} {theme.NAME}"),
    (re.compile(r"-- step \d+\.\d+"), theme.FAINT),
    (re.compile(r"> "), theme.STRONG),
    (re.compile(r"  (\||failed:|allow|ask|deny|not decided|done)"), theme.DIM),
)


def preview(said: Sequence[str], width: int) -> list[Content]:
    """Return last lines for a width; what a tool gave is cut to it, the rest wrapped."""
    drawn = []
    for line in said:
        style = next((style for looks, style in _LOOKS if looks.match(line)), "")
        if line.startswith("  "):
            drawn.append(Content.styled(clip(clean(line), width), style))
        else:
            drawn += wrap(Content.styled(clean(line), style), width)
    return drawn
