"""What of a repository belongs to a task: files and definitions, by how near they are to it.

What the task names lies near: by the words of its text, in paths, names and sources (BM25,
Robertson and Zaragoza 2009), by the files that are being worked on. From there nearness flows along
references, from a file to the definitions that its words name, and stays in part where it comes
past: PageRank that starts again at the task (Haveliwala 2002), by forward push, which touches only
what is near (Andersen, Chung, Lang: Local Graph Partitioning using PageRank Vectors, 2006).
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.context.asked import Word, stem, words_of
from agent.context.index import COMMON_NAME, Defined, Index
from agent.context.tags import parts_of
from tools.likely import is_test

K1, B = 1.2, 0.6  # of BM25
PATH, EXACT, PART = 6.0, 1.0, 0.5  # what a word counts in a path, as a whole name, as a part of one
STAYS = 0.3  # of what comes to a file, the share that goes no further
PUSHES = 60  # files from which it flows on
SEEDS = 40  # files where the task begins
ENOUGH = 1e-4  # of all; less flows no further
CENTRAL = 500  # definitions where a task begins of which nothing is known
BODIES = 12  # files whose functions are compared by what stands in them
TEST = 0.3  # what a test counts beside what it tests
TEST_BY_WORDS = 0.6  # the same, before it led anywhere
OWN, COME = 0.6, 0.4  # what a file counts by its words, and by what comes to it
ANY, NAMED, SAID, LED = 0.02, 2.0, 1.0, 1.0  # what a definition counts by


@dataclass(frozen=True, slots=True)
class Task:
    """What a map is made for: words, files that are worked on, each with a weight of up to 1."""

    text: str = ""
    files: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A definition, how near it is to the task, and whether its name says a word of that."""

    path: str
    defined: Defined
    score: float
    named: bool


class Ranking:
    """Ranks what an index knows; `read` returns the text of a file, empty where there is none."""

    def __init__(self, index: Index, read: Callable[[str], str]) -> None:
        self._index = index
        self._read = read
        self._files = index.paths()
        self._rare: dict[int, float] = {}
        lengths = [length for _, length in self._files.values()]
        self._average = max(1.0, sum(lengths) / max(1, len(lengths)))

    def ranked(self, task: Task) -> list[Ranked]:
        """Return definitions, the nearest first: the central ones for a task that says nothing.

        None where a task says something, and nothing here is about it.
        """
        counted = [(word, self._counts(word)) for word in words_of(task.text)]
        near = self._by_words([counts for _, counts in counted])
        most = max(near.values(), default=1.0)
        for number, (path, _) in self._files.items():
            if weight := task.files.get(path, 0.0):
                near[number] = near.get(number, 0.0) + weight * most
        if not near and task.text.strip():
            return []
        if near:
            seeds = dict(heapq.nlargest(SEEDS, near.items(), key=lambda item: item[1]))
            files, places = self._flow(seeds)
        else:
            files, places = self._central()
        own, come, led = _shares(near), _shares(files), _shares(places)
        of_file = {
            number: OWN * own.get(number, 0.0) + COME * come.get(number, 0.0)
            for number in own.keys() | come.keys()
        }
        words = [
            (word, self._idf(len(counts)) * (1.5 if word.named else 1.0))
            for word, counts in counted
        ]
        found: list[Ranked] = []
        closest = heapq.nlargest(3 * BODIES, of_file, key=lambda number: of_file[number])
        for order, number in enumerate(closest):
            path = self._files[number][0]
            known = [each for each in self._index.defined_in(number) if not each.definition.inner]
            said = self._said(path, known, words) if order < BODIES else {}
            share = of_file[number] * (TEST if is_test(path) else 1.0)
            for each in known:
                named = _named(each, words) if words else 0.0
                score = ANY + NAMED * named + SAID * said.get(each.id, 0.0)
                score += LED * led.get(each.id, 0.0)
                found.append(Ranked(path, each, share * score, named > 0))
        return sorted(found, key=lambda each: -each.score)

    # -- by words

    def _by_words(self, every: Sequence[Mapping[int, float]]) -> dict[int, float]:
        """Return how well each file fits, by how often each of the words stands in it."""
        scores: dict[int, float] = defaultdict(float)
        for counts in every:
            rarity = self._idf(len(counts))
            for number, count in counts.items():
                length = self._files[number][1] / self._average
                scores[number] += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * length))
        for number in scores:
            if is_test(self._files[number][0]):
                scores[number] *= TEST_BY_WORDS
        return scores

    def _counts(self, word: Word) -> dict[int, float]:
        """Return how often a word stands in each file, as a whole or as a part of a name."""
        whole: list[int] = []
        part: list[int] = []
        for key, text in self._index.words_like(word.stem):
            if text.lower() == word.text.lower():
                whole.append(key)
            elif word.stem in _stems(text):
                part.append(key)
        counts: dict[int, float] = defaultdict(float)
        for keys, weight in ((whole, EXACT), (part, PART)):
            for number, count in self._index.uses(keys).items():
                if number in self._files:
                    counts[number] += weight * count
        for number, (path, _) in self._files.items():
            if word.stem in path.lower() and word.stem in _stems(path):
                counts[number] += PATH
        return counts

    def _idf(self, having: int) -> float:
        return math.log(1 + (len(self._files) - having + 0.5) / (having + 0.5))

    def _said(
        self, path: str, known: Sequence[Defined], stems: Sequence[tuple[Word, float]]
    ) -> dict[int, float]:
        """Return how much of the words stands in each definition's own lines, up to 1."""
        whole = sum(rarity for _, rarity in stems)
        if not whole:
            return {}
        lines = self._read(path).split("\n")
        held = [Counter(_stems(line)) for line in lines]
        found = {}
        for each in known:
            inside: Counter[str] = Counter()
            for line in held[each.definition.line - 1 : each.definition.end]:
                inside += line
            got = sum(
                rarity * inside[word.stem] / (inside[word.stem] + K1)
                for word, rarity in stems
                if inside[word.stem]
            )
            found[each.id] = got / whole
        return found

    # -- by references

    def _central(self) -> tuple[dict[int, float], dict[int, float]]:
        """Return what other files name most, by file and by definition."""
        files: dict[int, float] = defaultdict(float)
        places: dict[int, float] = {}
        for place, number, weight in self._index.central(CENTRAL):
            if number in self._files and not is_test(self._files[number][0]):
                files[number] += weight
                places[place] = weight
        least = ENOUGH * max(files.values(), default=1.0)
        for number in self._files:  # what nobody names comes last
            files.setdefault(number, least)
        return files, places

    def _flow(self, seeds: Mapping[int, float]) -> tuple[dict[int, float], dict[int, float]]:
        """Return what comes to each file, and along names to each definition."""
        whole = sum(seeds.values()) or 1.0
        waiting = {number: weight / whole for number, weight in seeds.items()}
        files: dict[int, float] = defaultdict(float)
        places: dict[int, float] = defaultdict(float)
        queue = [(-weight, number) for number, weight in waiting.items()]
        heapq.heapify(queue)
        pushed = 0
        while queue and pushed < PUSHES:
            _, number = heapq.heappop(queue)
            mass = waiting.pop(number, 0.0)
            if mass < ENOUGH:
                continue
            pushed += 1
            files[number] += STAYS * mass
            for place, other, weight in self._leads(number):
                share = (1 - STAYS) * mass * weight
                places[place] += share
                waiting[other] = waiting.get(other, 0.0) + share
                heapq.heappush(queue, (-waiting[other], other))
        for number, mass in waiting.items():
            files[number] += STAYS * mass
        return files, places

    def _telling(self, word: int) -> float:
        """Return how much it tells that a file uses a name: little of one that all of them use."""
        if word not in self._rare:
            self._rare[word] = self._idf(self._index.spread(word, len(self._files) // 2))
        return self._rare[word]

    def _leads(self, number: int) -> list[tuple[int, int, float]]:
        """Return (definition, its file, share) for what the words of a file refer to elsewhere."""
        words = self._index.words_of(number)
        by_word: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
        for word, file, place, pull in self._index.places(words):
            by_word[word].append((file, place, pull))
        found = []
        for word, ends in by_word.items():
            if len(ends) > COMMON_NAME or any(file == number for file, *_ in ends):
                continue
            weight = math.sqrt(words[word]) * self._telling(word) / len(ends)
            found += [(place, file, weight * pull) for file, place, pull in ends if pull]
        whole = sum(weight for *_, weight in found)
        return [(place, file, weight / whole) for place, file, weight in found]


def _shares(weights: Mapping[int, float]) -> dict[int, float]:
    """Return weights as shares of the largest."""
    most = max(weights.values(), default=0.0)
    return {key: weight / most for key, weight in weights.items()} if most else {}


def _named(each: Defined, words: Iterable[tuple[Word, float]]) -> float:
    """Return how much of what is asked a name says, up to 1."""
    short = each.definition.short.lower()
    own = {stem(part) for part in parts_of(each.definition.short)}
    owner = {stem(part) for part in parts_of(each.definition.name)} - own
    whole, got = 0.0, 0.0
    for word, rarity in words:
        whole += rarity
        if word.text.lower() == short:
            got += rarity * (2.0 if word.named else 1.5)
        elif word.stem in own:
            got += rarity / max(1, len(own)) ** 0.5
        elif word.stem in owner:
            got += 0.3 * rarity
    return got / whole if whole else 0.0


def _stems(text: str) -> list[str]:
    return [stem(part) for part in parts_of(text)]
