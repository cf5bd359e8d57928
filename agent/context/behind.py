"""What stands behind a prompt: what it mentions, and for a local model what it is about.

What is mentioned is the user's own wish, so every model gets it, from whoever wrote it; where that
was somebody else, its origin goes with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agent.context import commits, mentions
from agent.context.mentioned import Part, World, find
from agent.context.repomap import beside
from agent.context.sources import Sources
from agent.messages import Image
from agent.models.estimate import IMAGE, upper

SHARE = 4  # of the window one part is for what is mentioned
MOST_TOKENS = 32_000  # however large the window is: each step pays for them
GUESSED_SECONDS = 4.0  # for what a prompt seems to be about
HEADING = "What the prompt mentions, as it is now:"


@dataclass(frozen=True, slots=True)
class Behind:
    """The text, where parts of it come from, a line each, and the hashes of files shown in it.

    Beside it stand the pictures that were mentioned.
    """

    text: str = ""
    origin: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()


async def behind(prompt: str, world: World, tokens: int, about: str = "") -> Behind:
    """Return what stands behind a prompt, what is mentioned in so many `tokens` at most.

    Then what a text seems to be `about`. A cancellation ends the wait for it at once.
    """
    parts = await find(prompt, world) if "@" in prompt else []
    pictures = [each for each in parts if each.image is not None]
    room = max(0, tokens // IMAGE)
    parts = [
        replace(each, title=f"{each.title}; there is no room for it")
        if each in pictures[room:]
        else each
        for each in parts
    ]
    images = [each.image for each in pictures[:room] if each.image is not None]
    rows, spans, origins = drawn(parts, tokens - IMAGE * len(images))
    text = "\n\n".join([HEADING, *rows]) if rows else ""
    guessed = history = ""
    if about:
        history = await commits.told(about, world.tools)
        alone = not rows and not history
        sources = Sources(world.tools.workspace, time.monotonic() + GUESSED_SECONDS)
        try:
            guessed = await asyncio.to_thread(_guessed, sources, about, world, spans, alone)
        finally:
            sources.until = 0.0  # nobody waits for the thread any more
    shown = {path for path, _, _ in spans}
    seen = {each.path: each.sha256 for each in parts if each.path in shown and each.sha256}
    whole = "\n\n".join(filter(None, (text, history, guessed)))
    return Behind(whole, "\n".join(origins), seen, tuple(images))


def _guessed(
    sources: Sources, prompt: str, world: World, spans: Sequence[mentions.Span], alone: bool
) -> str:
    def near(text: str) -> str:
        if not alone:
            return ""
        return beside(world.tools.workspace, text, world.cache, world.tools.memory)

    return mentions.gather(sources, prompt, near, spans)


def tokens_for(window: int, used: int) -> int:
    """Return how many tokens mentions may have in a window of which so many are used."""
    return max(0, min(window // SHARE, (window - used) // 2, MOST_TOKENS))


def drawn(parts: Iterable[Part], tokens: int) -> tuple[list[str], list[mentions.Span], list[str]]:
    """Return the parts as text, the lines that are shown, and where foreign ones come from.

    Each gets its share of the tokens that are left, so that a long one leaves room for the others.
    """
    rows: list[str] = []
    spans: list[mentions.Span] = []
    origins: dict[str, None] = {}
    parts = list(parts)
    for number, part in enumerate(parts):
        count, cost = _fitting(part, tokens // (len(parts) - number))
        tokens -= cost
        last = part.first + count - 1
        where = f"{part.path}, lines {part.first}-{last} of {part.of}:"
        title = part.title or (where if count else f"{part.path}, {part.of} lines:")
        rest = [part.rest(count)] if count < len(part.lines) else []
        rows.append("\n".join([title, *part.lines[:count], *rest]))
        if part.origin:
            origins[part.origin] = None
        if part.path and count:
            spans.append((part.path, part.first, last))
    return rows, spans, list(origins)


def _fitting(part: Part, tokens: int) -> tuple[int, int]:
    """Return how many lines of a part fit, and what they cost."""
    used = 0
    for count, line in enumerate(part.lines):
        cost = upper(line) + 1
        if used + cost > tokens:
            return count, used
        used += cost
    return len(part.lines), used
