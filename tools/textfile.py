"""A file's bytes as text and back: encoding, byte order mark and line endings survive an edit.

Every line of `text` ends with a line feed; what it ended with is kept line by line, so that a file
with mixed endings changes only where it was edited.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain

from tools.base import ToolError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KINDS = (
    (b"\x89PNG\r\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"BZh", "bzip2 archive"),
    (b"\x7fELF", "ELF program or library"),
    (b"MZ", "Windows program or library"),
    (b"\xcf\xfa\xed\xfe", "macOS program or library"),
    (b"\xca\xfe\xba\xbe", "Java class or macOS library"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"\x00asm", "WebAssembly module"),
    (b"GGUF", "GGUF model"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SNIFFED = 8192  # bytes looked at to tell text from data


class NotText(ToolError):
    """The bytes are no text; the message says what they seem to be."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """The text of a file and how it was written down.

    `newline` is what most of its lines end with; `endings` has the ending of every line when they
    differ, else it is empty.
    """

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""
    newline: str = "\n"
    endings: tuple[str, ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> TextFile:
        """Read bytes; raises NotText for what is not text. `encode` gives the same bytes again."""
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                try:
                    return cls._split(data[len(mark) :].decode(encoding), encoding, mark)
                except UnicodeDecodeError:
                    continue
        head = data[:_SNIFFED]
        if b"\x00" in head or any(head.startswith(magic) for magic, _ in _KINDS[:2]):
            raise NotText(f"binary ({kind_of(data)})")
        try:
            return cls._split(data.decode("utf-8"), "utf-8", b"")
        except UnicodeDecodeError:
            if len(_CONTROL.findall(head)) * 50 > len(head):
                raise NotText(f"binary ({kind_of(data)})") from None
            return cls._split(data.decode("latin-1"), "latin-1", b"")

    @classmethod
    def _split(cls, raw: str, encoding: str, mark: bytes) -> TextFile:
        if "\r" not in raw:
            return cls(raw, encoding, mark)
        # a lone CR ends lines only in a file that has no other ending
        pattern = r"\r\n|\n" if "\n" in raw else r"\r"
        endings = tuple(re.findall(pattern, raw))
        newline = Counter(endings).most_common(1)[0][0] if endings else "\n"
        uniform = all(ending == newline for ending in endings)
        text = re.sub(pattern, "\n", raw)
        return cls(text, encoding, mark, newline, () if uniform else endings)

    def encode(self) -> bytes:
        """Write the bytes; raises ToolError for a character that the encoding does not have."""
        raw = self.text
        if self.endings:
            lines = raw.split("\n")
            raw = "".join(chain.from_iterable(zip(lines, (*self.endings, ""), strict=True)))
        elif self.newline != "\n":
            raw = raw.replace("\n", self.newline)
        try:
            return self.mark + raw.encode(self.encoding)
        except UnicodeEncodeError as error:
            character = raw[error.start]
            raise ToolError(
                f"the file is written in {self.encoding}, which has no {character!a};"
                " use other characters"
            ) from None

    def spliced(self, start: int, end: int, new: str) -> TextFile:
        """Return it with `text[start:end]` replaced; every other line keeps its ending."""
        new = unified_newlines(new)
        old = self.text[start:end]
        text = self.text[:start] + new + self.text[end:]
        if not self.endings:
            return replace(self, text=text)
        same = _common(old, new)
        left = _common(old[same:][::-1], new[same:][::-1])
        first = self.text.count("\n", 0, start + same)
        gone = self.text.count("\n", start + same, end - left)
        come = new.count("\n", same, len(new) - left)
        middle = self.endings[first : first + gone] if gone == come else (self.newline,) * come
        endings = (*self.endings[:first], *middle, *self.endings[first + gone :])
        return replace(self, text=text, endings=endings)


def _common(one: str, other: str) -> int:
    """Return the length of the prefix that both have."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def unified_newlines(text: str) -> str:
    """Return the text with a line feed for every CRLF that a model may have written."""
    return text.replace("\r\n", "\n") if "\r" in text else text


def kind_of(data: bytes) -> str:
    """Return what the bytes seem to be, by how they start."""
    return next((kind for magic, kind in _KINDS if data.startswith(magic)), "unknown kind")
