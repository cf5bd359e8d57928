"""Pictures that the user adds to a prompt: read as they are, told apart by their first bytes."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from agent.errors import UsageError
from agent.messages import Image

BYTES = 5 << 20  # of one picture; what the strictest of the large providers takes
MOST = 20  # pictures in one prompt
KINDS = "PNG, JPEG, GIF or WebP"
_MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)


def load(paths: Sequence[str]) -> tuple[Image, ...]:
    """Read pictures; raises UsageError for what is none, too large, or too many."""
    if len(paths) > MOST:
        raise UsageError(f"{len(paths)} images are too many: {MOST} at most", "--image FILE")
    return tuple(map(_one, paths))


def _one(path: str) -> Image:
    try:
        # a link, and a place outside of the workspace, are the user's own to name
        with Path(path).expanduser().open("rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the image {path}: {reason}", "--image FILE") from error
    image = picture(data)
    if image is None:
        raise UsageError(f"{path} is not an image: {KINDS}", "name other files in the prompt")
    if len(data) > BYTES:
        raise UsageError(f"the image {path} is over {BYTES >> 20} MB", "make it smaller")
    return image


def picture(data: bytes) -> Image | None:
    """Return the picture that a file is; None where it is none."""
    media = next((kind for magic, kind in _MAGIC if magic.match(data)), "")
    return Image(media_type=media, data=base64.b64encode(data).decode()) if media else None
