"""What a picture is, by its own bytes: its kind, its size, and what of it is picture alone.

Nothing is decoded: a reader of ours walks the blocks that a file is made of, keeps those that are
needed to show it and leaves out comments, places, thumbnails and whatever follows its end. So what
is handed to a browser is a picture and nothing else besides, and small however large it unpacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SIDE = 16_384  # pixels of a side, and of all: more would fill the memory of who unpacks it
PIXELS = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"pHYs"}
_JPEG_SIZES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_KEPT = _JPEG_SIZES | {0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xEE}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}


class Broken(ValueError):
    """The bytes are no picture, or one that is cut off or too large; the message says why."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A picture without what is not needed to show it."""

    media_type: str
    width: int
    height: int
    data: bytes


def bare(data: bytes) -> Bare:
    """Return the picture that some bytes are. Raises Broken."""
    for begins, media_type, walk in _WALKS:
        if data.startswith(begins):
            try:
                width, height, kept = walk(data)
            except IndexError:
                raise Broken("it is cut off") from None
            if not (width and height):
                raise Broken("it has no size")
            if max(width, height) > SIDE or width * height > PIXELS:
                raise Broken(f"it has {width:,} x {height:,} pixels, which is too large to open")
            return Bare(media_type, width, height, kept)
    raise Broken("it is no PNG, JPEG, GIF or WebP")


def _at(data: bytes, start: int, length: int) -> bytes:
    """Return so many bytes; raises IndexError where there are fewer."""
    if start + length > len(data):
        raise IndexError
    return data[start : start + length]


def _png(data: bytes) -> tuple[int, int, bytes]:
    kept, at, size = [_PNG], len(_PNG), (0, 0)
    while True:
        head = _at(data, at, 8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        whole = _at(data, at, 12 + length)
        if kind == b"IHDR":
            size = int.from_bytes(whole[8:12]), int.from_bytes(whole[12:16])
        if kind in _PNG_KEPT:
            kept.append(whole)
        if kind == b"IEND":
            return *size, b"".join(kept)
        at += len(whole)


def _jpeg(data: bytes) -> tuple[int, int, bytes]:
    kept, at, size = [data[:2]], 2, (0, 0)
    while True:
        if data[at] != 0xFF:
            raise Broken("it is no whole JPEG")
        while data[at + 1] == 0xFF:  # what fills up
            at += 1
        kind = data[at + 1]
        if kind == 0xD9:
            return *size, b"".join([*kept, b"\xff\xd9"])
        length = int.from_bytes(_at(data, at + 2, 2))
        if length < 2:
            raise Broken("it is no whole JPEG")
        whole = _at(data, at, 2 + length)
        if kind in _JPEG_SIZES:
            size = int.from_bytes(_at(whole, 7, 2)), int.from_bytes(_at(whole, 5, 2))
        if kind in _JPEG_KEPT:
            kept.append(whole)
        at += len(whole)
        if kind == 0xDA:  # coded pixels follow, in which FF has 00 or a number of a part behind it
            end = at
            while (end := data.find(b"\xff", end)) >= 0 and (
                data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7
            ):
                end += 2
            if end < 0:
                raise IndexError
            kept.append(data[at:end])
            at = end


def _gif(data: bytes) -> tuple[int, int, bytes]:
    head = _at(data, 0, 13)
    size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    at = 13 + _colours(head[10])
    kept = [_at(data, 0, at)]
    while True:
        begins = at
        match data[at]:
            case 0x3B:
                return *size, b"".join([*kept, b";"])
            case 0x21:
                at = _blocks(data, at + 2)
                control = data[begins + 1] == 0xF9
                again = data[begins + 1] == 0xFF and data[begins + 3 : begins + 11] == b"NETSCAPE"
                if control or again:
                    kept.append(data[begins:at])
            case 0x2C:
                at = _blocks(data, at + 11 + _colours(data[at + 9]))
                kept.append(data[begins:at])
            case _:
                raise Broken("it is no whole GIF")


def _colours(flags: int) -> int:
    """Return how many bytes a table of colours has."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> int:
    """Return where a row of blocks ends, each of which begins with its length."""
    while data[at]:
        at += data[at] + 1
    return at + 1


def _webp(data: bytes) -> tuple[int, int, bytes]:
    if _at(data, 8, 4) != b"WEBP":
        raise Broken("it is no WebP")
    end = 8 + int.from_bytes(data[4:8], "little")
    _at(data, 0, end)
    kept, at, size = [b"WEBP"], 12, (0, 0)
    while at + 8 <= end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        whole = _at(data, at, min(8 + length + length % 2, end - at))
        if kind in _WEBP_KEPT:
            kept.append(whole)
            size = size if any(size) else _webp_size(kind, _at(whole, 8, 10))
        at += 8 + length + length % 2
    inside = b"".join(kept)
    return *size, b"RIFF" + len(inside).to_bytes(4, "little") + inside


def _webp_size(kind: bytes, inside: bytes) -> tuple[int, int]:
    match kind:
        case b"VP8X":
            wide, high = (int.from_bytes(inside[at : at + 3], "little") for at in (4, 7))
            return wide + 1, high + 1
        case b"VP8L":
            bits = int.from_bytes(inside[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            wide, high = (int.from_bytes(inside[at : at + 2], "little") for at in (6, 8))
            return wide & 0x3FFF, high & 0x3FFF
        case _:
            return 0, 0


_WALKS: tuple[tuple[bytes, str, Callable[[bytes], tuple[int, int, bytes]]], ...] = (
    (_PNG, "image/png", _png),
    (b"\xff\xd8\xff", "image/jpeg", _jpeg),
    (b"GIF87a", "image/gif", _gif),
    (b"GIF89a", "image/gif", _gif),
    (b"RIFF", "image/webp", _webp),
)
