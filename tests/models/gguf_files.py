"""Small GGUF files, written by hand."""

import struct
from pathlib import Path

F32 = 0


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key: str, value: str | int | list[str]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    items = b"".join(map(text, value))
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + items


def gguf(
    path: Path,
    pairs: dict[str, str | int | list[str]] | None = None,
    *,
    version: int = 3,
    weights: int = 64,
) -> Path:
    """Write a whole file with one tensor of F32 weights."""
    if pairs is None:
        pairs = {
            "general.architecture": "qwen2",
            "general.name": "Tiny",
            "tokenizer.ggml.tokens": ["a", "b", "lange Wörter"],
            "qwen2.context_length": 4096,
            "tokenizer.chat_template": "{{ messages }}",
        }
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(pairs))
    head += b"".join(pair(key, value) for key, value in pairs.items())
    head += text("output.weight") + struct.pack("<IQIQ", 1, weights, F32, 0)
    head += b"\0" * (-len(head) % 32)
    path.write_bytes(head + b"\1" * weights * 4)
    return path
