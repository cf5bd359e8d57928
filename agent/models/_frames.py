"""Frames: four bytes of length, little endian, and that much JSON."""

from __future__ import annotations

import json
import struct
from typing import Any

HEAD = 4  # bytes before a frame
Frame = dict[str, Any]


def packed(frame: Frame) -> bytes:
    """Return a frame as it is sent."""
    data = json.dumps(frame).encode()
    return struct.pack("<I", len(data)) + data


def length(head: bytes | bytearray) -> int:
    """Return how many bytes follow a head."""
    size: int = struct.unpack("<I", head)[0]
    return size
