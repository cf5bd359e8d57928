"""Pictures of prompts: which of them a report has within itself."""

from __future__ import annotations

import re

from agent.messages import Image
from agent.report.bounds import Bounds
from agent.report.story import Picture

KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")  # none that can hold a script
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Pictures:
    """Takes pictures in while there is room for them."""

    def __init__(self, bounds: Bounds) -> None:
        self._left = bounds.pictures
        self._bounds = bounds

    def told(self, images: tuple[Image, ...]) -> tuple[Picture, ...]:
        """Return the pictures of one prompt, as many as a list may have."""
        return tuple(map(self._one, images[: self._bounds.names]))

    def _one(self, image: Image) -> Picture:
        size = len(image.data)
        fits = size <= self._left and image.media_type in KINDS
        data = image.data if fits and _BASE64.fullmatch(image.data) else ""
        self._left -= len(data)
        return Picture(self._bounds.short(image.media_type), size * 3 // 4, data)
