"""Pictures that `show` shows: what is left of a file, and what is refused."""

from __future__ import annotations

import base64
import os
import struct
import zlib

import pytest

from tests.tools.bench import Bench
from tools.stills import Broken, bare


def png(wide: int, high: int, *more: bytes, tail: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    pixels = zlib.compress(b"\0" * min((wide * 3 + 1) * high, 1 << 16))
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    inner = [chunk(each[:4], each[4:]) for each in more]
    parts = [chunk(b"IHDR", head), *inner, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + tail


def gif(*inner: bytes, tail: bytes = b"") -> bytes:
    image = b",\0\0\0\0\2\0\2\0\0" + b"\x02\x02\x4c\x01\0"
    return b"GIF89a\2\0\2\0\x80\0\0" + b"\0" * 6 + b"".join(inner) + image + b";" + tail


def jpeg(*inner: bytes, tail: bytes = b"") -> bytes:
    size = b"\xff\xc0\0\x0b\x08\0\x03\0\x02\x01\x01\x11\0"
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\xff\0\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(inner) + size + scan + b"\xff\xd9" + tail


def webp(*inner: bytes, tail: bytes = b"") -> bytes:
    lossless = b"VP8L" + struct.pack("<I", 10) + b"/" + struct.pack("<I", 1 | 2 << 14) + b"\0" * 5
    inside = b"WEBP" + lossless + b"".join(inner)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside + tail


SECRET = b"<script>alert(1)</script>"
CARRIERS = {
    "image/png": (png(2, 3), png(2, 3, b"tEXt" + SECRET, tail=SECRET), (2, 3)),
    "image/gif": (gif(), gif(b"!\xfe\x19" + SECRET + b"\0", tail=SECRET), (2, 2)),
    "image/jpeg": (jpeg(), jpeg(b"\xff\xfe\0\x1b" + SECRET, tail=SECRET), (2, 3)),
    "image/webp": (
        webp(),
        webp(b"XMP " + struct.pack("<I", 25) + SECRET + b"\0", tail=SECRET),
        (2, 3),
    ),
}


@pytest.mark.parametrize("media_type", CARRIERS)
def test_only_the_picture_is_left_of_a_file(media_type: str) -> None:
    plain, carrier, size = CARRIERS[media_type]
    assert SECRET in carrier
    found = bare(carrier)
    assert (found.media_type, (found.width, found.height)) == (media_type, size)
    assert found.data == bare(plain).data == plain


@pytest.mark.parametrize("media_type", CARRIERS)
def test_a_picture_that_is_cut_off_anywhere_is_none(media_type: str) -> None:
    plain, *_ = CARRIERS[media_type]
    for end in range(len(plain)):
        with pytest.raises(Broken):
            bare(plain[:end])


async def test_a_picture_is_carried_as_it_is(bench: Bench) -> None:
    bench.file("a.png", png(2, 3))
    result = await bench.call("show", kind="image", path="a.png")
    assert result.text == "shown to the user: image of 2 x 3 pixels"
    still = result.shown.still if result.shown else None
    assert still is not None and base64.b64decode(still.data) == png(2, 3)


async def test_a_picture_that_unpacks_into_too_much_is_refused(bench: Bench) -> None:
    bench.file("bomb.png", png(100_000, 100_000))
    said = await bench.refused("show", kind="image", path="bomb.png")
    assert said == (
        "bomb.png cannot be shown: it has 100,000 x 100,000 pixels, which is too large to open"
    )


async def test_a_large_picture_is_named_and_not_carried(bench: Bench) -> None:
    noise = b"IDAT" + os.urandom(800_000)
    bench.file("large.png", png(900, 900, noise))
    result = await bench.call("show", kind="image", path="large.png")
    still = result.shown.still if result.shown else None
    assert still is not None and still.data == "" and still.bytes > 800_000
