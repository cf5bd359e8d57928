"""What a model file says of itself, and whether it is whole.

A reader of our own: llama.cpp tells neither before it has mapped a gigabyte, and its errors are
lines in a log. Arrays (the vocabulary) are stepped over.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ModelUnusable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
# ggml type: (weights in a block, bytes of a block)
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 32: "BF16",
}  # fmt: skip

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model file, as it describes itself; `bytes` is its size on disk.

    `context` is the window it was trained with, in tokens. `parameters` is 0 and `quantisation`
    empty where the file does not say.
    """

    path: Path
    bytes: int
    name: str
    architecture: str
    context: int
    parameters: int
    quantisation: str
    chat_template: bool

    def lines(self) -> list[tuple[str, str]]:
        """Return labels and values for a person; what the file does not say is left out."""
        told = [
            ("name", self.name),
            ("file", str(self.path)),
            ("size", f"{self.bytes:,} bytes"),
            ("architecture", self.architecture),
            ("parameters", f"{self.parameters:,}" if self.parameters else ""),
            ("quantisation", self.quantisation),
            ("context", f"{self.context:,} tokens"),
            ("chat template", "yes" if self.chat_template else "no; ChatML is used"),
        ]
        return [(label, value) for label, value in told if value]


class _Cut(Exception):
    """The header points past the end of the file."""


class _Reader:
    """A place in a mapped file. Every read is checked against its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def scalar(self, form: str) -> int | float | bool:
        try:
            (value,) = struct.unpack_from(form, self.data, self.at)
        except struct.error:
            raise _Cut from None
        self.at += struct.calcsize(form)
        return value  # type: ignore[no-any-return]  # struct cannot tell its types

    def count(self) -> int:
        """Read a length; one that is larger than the file is damage."""
        value = int(self.scalar("<Q"))
        if value > len(self.data):
            raise _Cut
        return value

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise _Cut

    def string(self) -> str:
        size = self.count()
        start = self.at
        self.skip(size)
        return self.data[start : self.at].decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        """Read a value; an array is stepped over and is None."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            if kind not in _SCALARS:
                raise _Cut
            return self.scalar(_SCALARS[kind])
        inner, count = int(self.scalar("<I")), self.count()
        if inner == _STRING:
            data, at, unpack = self.data, self.at, struct.Struct("<Q").unpack_from
            try:
                for _ in range(count):
                    at += 8 + unpack(data, at)[0]
            except (struct.error, OverflowError):
                raise _Cut from None
            self.at = at
            self.skip(0)
        elif inner in _SCALARS:
            self.skip(count * struct.calcsize(_SCALARS[inner]))
        else:
            raise _Cut
        return None


class _Header:
    """The metadata of a file, read as far as it is asked for."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        reader.at = 8
        self.tensors = reader.count()
        self._pairs: Iterator[tuple[str, Value]] = self._read(reader.count())
        self._known: dict[str, Value] = {}

    def _read(self, count: int) -> Iterator[tuple[str, Value]]:
        for _ in range(count):
            key = self.reader.string()
            yield key, self.reader.value(int(self.reader.scalar("<I")))

    def get(self, key: str) -> Value:
        """Return a value, reading on until it is found."""
        while key not in self._known:
            pair = next(self._pairs, None)
            if pair is None:
                return None
            self._known[pair[0]] = pair[1]
        return self._known[key]

    def number(self, key: str) -> int:
        value = self.get(key)
        return int(value) if isinstance(value, int | float) else 0

    def text(self, key: str) -> str:
        value = self.get(key)
        return value if isinstance(value, str) else ""

    def data_end(self) -> int:
        """Return the size that the file must have for its tensors, in bytes."""
        self.get("")  # no such key: reads all
        alignment = self.number("general.alignment") or 32
        end = 0
        reader = self.reader
        for _ in range(self.tensors):
            reader.string()
            weights = 1
            dimensions = int(reader.scalar("<I"))
            if dimensions > 8:
                raise _Cut
            for _ in range(dimensions):
                weights *= int(reader.scalar("<Q"))
            kind = int(reader.scalar("<I"))
            offset = int(reader.scalar("<Q"))
            block, size = _BLOCKS.get(kind, (1, 0))  # an unknown type: only its start is checked
            end = max(end, offset + weights // block * size)
        return (reader.at + alignment - 1) // alignment * alignment + end


class _Opened:
    """A model file, mapped; raises ModelUnusable with the one line that a person needs."""

    def __init__(self, path: Path, hint: str) -> None:
        self.path = path
        self.hint = hint

    def __enter__(self) -> _Header:
        try:
            if self.path.is_dir():
                raise ModelUnusable(f"this is a folder, not a model: {self.path}", self.hint)
            with self.path.open("rb") as file:
                start = file.read(8)
                if start[:4] != MAGIC:
                    raise ModelUnusable(f"not a GGUF file: {self.path}", self.hint)
                if len(start) < 8:
                    raise _Cut
                version = int.from_bytes(start[4:], "little")
                if version not in VERSIONS:
                    known = " and ".join(map(str, VERSIONS))
                    raise ModelUnusable(
                        f"GGUF version {version} is not known here ({known} are): {self.path}",
                        self.hint,
                    )
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return _Header(_Reader(self._data))
        except FileNotFoundError:
            raise ModelUnusable(f"no such model file: {self.path}", "agent models list") from None
        except OSError as error:
            raise ModelUnusable(
                f"cannot read the model file: {self.path}: {error.strerror}", self.hint
            ) from None
        except _Cut:
            raise self._damaged() from None

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self._data.close()
        if isinstance(value, _Cut):
            raise self._damaged() from None

    def _damaged(self) -> ModelUnusable:
        return ModelUnusable(f"the model file is cut off or damaged: {self.path}", self.hint)


def context_length(path: Path, hint: str = "") -> int:
    """Return the window in tokens that the file was trained with.

    Reads the first kilobytes only. Raises ModelUnusable for what is no readable GGUF file.
    """
    with _Opened(path, hint) as header:
        return _context(header, path, hint)


def _context(header: _Header, path: Path, hint: str) -> int:
    architecture = header.text("general.architecture")
    length = header.number(f"{architecture}.context_length")
    if not architecture or length <= 0:
        raise ModelUnusable(f"the file does not say what model it is: {path}", hint)
    return length


def info(path: Path, hint: str = "") -> ModelInfo:
    """Return what the file says of itself; raises ModelUnusable as `check` does."""
    with _Opened(path, hint) as header:
        context = _context(header, path, hint)
        kind = header.get("general.file_type")
        found = ModelInfo(
            path=path,
            bytes=path.stat().st_size,
            name=header.text("general.name") or path.stem,
            architecture=header.text("general.architecture"),
            context=context,
            parameters=header.number("general.parameter_count"),
            quantisation=_FILE_TYPES.get(kind, "") if isinstance(kind, int) else "",
            chat_template=bool(header.text("tokenizer.chat_template")),
        )
    check(path, hint)
    return found


def check(path: Path, hint: str = "") -> None:
    """Raise ModelUnusable unless the file is a GGUF file with all of its tensors."""
    with _Opened(path, hint) as header:
        _context(header, path, hint)
        needed = header.data_end()
        size = path.stat().st_size
    if size < needed:
        raise ModelUnusable(
            f"the model file is cut off: {size:,} of {needed:,} bytes: {path}", hint
        )
