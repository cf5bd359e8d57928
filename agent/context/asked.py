"""What a text asks about: its words, and how much each tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.context.tags import parts_of

MOST = 40  # words of one text
READ = 20_000  # characters of it
_WORD = re.compile(r"[^\W\d]\w+")
# what sentences and the names of tests are made of
_COMMON = frozenset(
    """
    a about add added adds after again all allow allowed allows also always an and any are as at
    be because been before being but by can cannot change changed changes correct correctly could
    did do does doesn done each ensure error errors even every fix fixed fixes for from get got
    had has have how if improve improved in instead into is issue it its just let like made make
    makes may more must new no non not now of off on one only or other our out over pr properly py
    raise raised raises remove removed rename renamed same see set should since so some still such
    support supported supports test tests than that the their them then there these they this to
    too two under up update updated use used user users uses using value values via was we were
    what when where which while who will with within without work works would you your
    """.split()  # noqa: SIM905  # a page of words, not of quotes
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is asked about, as it was written; `named` where it reads as a name of code."""

    text: str
    named: bool

    @property
    def stem(self) -> str:
        """What it shares with its other forms."""
        return stem(self.text.lower())


def words_of(text: str) -> list[Word]:
    """Return the words of a text that tell something, each once, in their order.

    A name of several parts is asked about as a whole and in its parts.
    """
    found: dict[str, Word] = {}
    text = text[:READ]
    for match in _WORD.finditer(text):
        whole, at = match[0], match.start()
        named = _named(whole, text[at - 1] if at else "")
        for word, is_name in _pieces(whole, named):
            known = found.get(word.lower())
            if known is None or (is_name and not known.named):
                found[word.lower()] = Word(word, is_name)
    return [each for each in found.values() if _tells(each)][:MOST]


def _named(word: str, before: str) -> bool:
    inner = word.strip("_")
    mixed = "_" in inner or re.search(r"[a-z][A-Z]", inner) is not None
    return mixed or before in ("`", ".")


def _pieces(word: str, named: bool) -> Iterable[tuple[str, bool]]:
    yield word, named
    parts = parts_of(word)
    if len(parts) > 1:
        yield from ((part, False) for part in parts)


def _tells(word: Word) -> bool:
    lower = word.text.lower()
    return len(lower) > 2 and lower not in _COMMON


def stem(word: str) -> str:
    """Return an English word without the endings that verbs and plurals have.

    Crude on purpose: both sides are cut in the same way.
    """
    for ending in ("ations", "ation", "ings", "ing", "ers", "ies", "ied", "ed", "es", "er", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1]
    return word
