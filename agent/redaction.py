"""Secrets replaced by what they are called: `[redacted: OPENAI_API_KEY]`.

Two kinds: values that are known, in any of the forms in which programs print them, and what has the
form of a secret (`secret_forms`). Whoever is about to show, keep or send text asks here first; no
file is ever changed by it. It saves from accidents. A program that means to smuggle a secret out
can spell it in ways that nobody knows; to keep it from that is the sandbox's work.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import BaseModel

from agent import secret_forms
from agent.messages import AssistantMessage, Image
from tools.shown import Still, coded

SHORTEST = 8  # characters of a known value; a shorter one would fit too much that is none
_PART = 16  # characters of a long value that betray a part of it: a cut may have left no more
_LONG = 24  # characters from which a value is told by its parts
_WORD = re.compile(r"[\w.+/=-]+", re.ASCII)
_INNER = re.compile(r"[\w.-]+", re.ASCII)  # what stands in one piece in `long_words`
_MARK = re.compile(r"\[redacted: ([^\[\]\n]{1,80})\]")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Needle:
    """What is searched for; `value` is the whole, `back` says that the needle is its end."""

    text: str
    piece: str  # of it, that must stand among the long words; empty to search everywhere
    name: str
    value: str
    back: bool = False


class Redaction:
    """What is known to be secret, and what of it was met; `names` are those that were replaced."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._needles: dict[str, _Needle] = {}
        self.names: set[str] = set()
        self.learn(known or {})

    def learn(self, known: Mapping[str, str]) -> None:
        """Take in secrets, each with what it is called; too short ones are left out."""
        for value, name in known.items():
            if len(value) >= SHORTEST:
                called = re.sub(r"[\[\]\s]+", " ", name)[:80].strip() or "secret"
                for needle in _needles(value, called):
                    self._needles.setdefault(needle.text, needle)

    def text(self, text: str) -> str:
        """Return the text with marks in place of secrets."""
        parts, at = [], 0
        for start, end, name in self.spans(text):
            parts += [text[at:start], mark(name)]
            self.names.add(name)
            at = end
        return "".join([*parts, text[at:]]) if at else text

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return where secrets stand, in order and apart, each with its name."""
        if len(text) < SHORTEST:
            return []
        words = secret_forms.long_words(text)
        every = [*self._known(text, words), *secret_forms.found(text, words)]
        joined: list[tuple[int, int, str]] = []
        for start, end, name in sorted(every, key=lambda each: (each[0], -each[1])):
            if joined and start < joined[-1][1]:
                first, last, known = joined[-1]
                joined[-1] = (first, max(last, end), known)
            else:
                joined.append((start, end, name))
        return joined

    def begun(self, text: str) -> int:
        """Return where at the end of a text a known value may have begun, or its length."""
        found = len(text)
        for needle in self._needles.values():
            if needle.back:
                continue
            most = min(len(needle.value) - 1, len(text))
            tail = text[len(text) - most :]
            at = tail.find(needle.value[:2])
            while at >= 0:
                if needle.value.startswith(tail[at:]):
                    found = min(found, len(text) - most + at)
                    break
                at = tail.find(needle.value[:2], at + 1)
        return found

    def clean(self, value: T) -> T:
        """Return plain data, such as an event, with every text in it redacted."""
        cleaned: T = self._cleaned(value)
        return cleaned

    def quoted(self, value: object) -> str:
        """Return the first mark in plain data that stands for something that was replaced."""
        if isinstance(value, str):
            found = (each for each in _MARK.finditer(value) if each[1] in self.names)
            return next((each[0] for each in found), "")
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(inner, (list, tuple)) or inner is not value:
            return next(filter(None, map(self.quoted, inner)), "")  # type: ignore[call-overload]  # one of the three
        return ""

    def _known(self, text: str, words: str) -> Iterator[tuple[int, int, str]]:
        for needle in self._needles.values():
            if needle.piece and needle.piece not in words:
                continue
            at = text.find(needle.text)
            while at >= 0:
                start, end = _grown(text, at, needle)
                yield start, end, needle.name
                at = text.find(needle.text, end)

    def _cleaned(self, value: Any) -> Any:
        match value:
            case str():
                # an enumeration's words are ours
                return self.text(value) if type(value) is str else value
            case BaseModel():
                return self._cleaned_model(value)
            case dict():
                pairs = {self._cleaned(key): self._cleaned(inner) for key, inner in value.items()}
                return value if pairs == value else pairs
            case tuple() | list() if any(type(each) is not int for each in value):
                inner = type(value)(map(self._cleaned, value))
                return value if inner == value else inner
            case _:
                return value

    def _cleaned_model(self, value: BaseModel) -> BaseModel:
        changed = {}
        for name, old in value.__dict__.items():
            # the data of a picture is no text, and large
            new = old if name == "data" and _is_picture(value) else self._cleaned(old)
            if new is not old:
                changed[name] = new
        if changed and isinstance(value, AssistantMessage):
            # what was sampled or signed would say it all the same
            changed |= {"tokens": (), "replay": {}}
        return value.model_copy(update=changed) if changed else value


def _is_picture(value: BaseModel) -> bool:
    return isinstance(value, Image) or (isinstance(value, Still) and coded(value.data))


def mark(name: str) -> str:
    """Return what stands in the place of a secret."""
    return f"[redacted: {name}]"


def marked(text: str) -> bool:
    """Whether something in a text was replaced."""
    return _MARK.search(text) is not None


def _grown(text: str, at: int, needle: _Needle) -> tuple[int, int]:
    """Return how far a text agrees with the value around a needle that stands in it."""
    start, end, value = at, at + len(needle.text), needle.value
    if needle.back:
        left = len(value) - len(needle.text)
        while start and left and text[start - 1] == value[left - 1]:
            start, left = start - 1, left - 1
    else:
        done = len(needle.text)
        while end < len(text) and done < len(value) and text[end] == value[done]:
            end, done = end + 1, done + 1
    return start, end


def _needles(value: str, name: str) -> Iterator[_Needle]:
    if len(value) >= _LONG and _WORD.fullmatch(value):
        yield _needle(value[:_PART], name, value)
        yield _needle(value[-_PART:], name, value, back=True)
    else:
        yield _needle(value, name, value)
    for spelt in _spellings(value):
        yield _needle(spelt, name, spelt)


def _needle(text: str, name: str, value: str, back: bool = False) -> _Needle:
    piece = max(_INNER.findall(text), key=len, default="")
    return _Needle(text, piece if len(piece) >= secret_forms.RUN else "", name, value, back)


def _spellings(value: str) -> Iterator[str]:
    """Yield the other forms in which programs print a value."""
    plain = {value}
    for spelt in (quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]):
        if spelt not in plain:
            plain.add(spelt)
            yield spelt
    if "\n" in value.strip():  # a block may be printed with something before each line
        for line in value.splitlines():
            if len(line.strip()) >= _LONG and not line.startswith("-----"):
                yield line.strip()
    data = value.encode(errors="surrogateescape")
    for offset in range(3):  # where in its groups of three the value begins
        coded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        first = (offset * 8 + 5) // 6  # the letters before belong to what stands before, in part
        last = len(coded) if (offset + len(data)) % 3 == 0 else len(coded) - 1
        coded = coded[first:last]
        if len(coded) >= SHORTEST:
            yield coded
            if (for_urls := coded.translate(str.maketrans("+/", "-_"))) != coded:
                yield for_urls
