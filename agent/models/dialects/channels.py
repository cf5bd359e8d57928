"""Thinking and answer: what a model says to itself, and what it says.

A thought stands in marks at the start of a reply, or right behind another one; marks further on are
words of the answer. gpt-oss names a channel for each message (harmony): *analysis* is thinking,
*final* is the answer, and so are the words of *commentary*; a message to a tool is left in the
answer, where `objects.HARMONY` reads it. Servers that strip the marks leave
`analysis…assistantfinal…`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from agent.models.dialects.base import GAP, NAME, Look, Opening, Some, begun, one_of, whole

Part = tuple[bool, str]

# where each pair comes from: Qwen3 and DeepSeek R1; old Gemma tunes; Magistral; Seed-OSS; Gemma 4;
# Cohere; Apertus; Kimi-VL
THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel>thought", "<channel|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("◁think▷", "◁/think▷"),
)
_HARMONY_STARTS = ("<|channel|>", "<|start|>assistant")
_KIND = one_of("analysis", "commentary", "final")
_MARKS: dict[str, tuple[Opening, ...]] = {
    # a message to a tool: it stays in the answer
    "call": (
        ("<|channel|>", GAP, _KIND, GAP, "to="),
        ("to=", NAME, GAP, "<|channel|>"),
    ),
    "header": (
        ("<|channel|>", GAP, _KIND, GAP, "<|message|>"),
        ("<|channel|>", GAP, _KIND, GAP, "<|constrain|>", GAP, NAME, GAP, "<|message|>"),
    ),
    "end": (("<|end|>",), ("<|return|>",), ("<|start|>assistant",)),
}
_STRIPPED: dict[str, tuple[Opening, ...]] = {
    "call": (
        ("assistant", one_of("commentary", "analysis"), " to="),
        ("assistant to=functions.",),
    ),
    # what has come in so far may be the beginning of ` to=`
    "header": (("assistant", _KIND, Look(r"(?! to=)(?!(?: t?o?)?\Z)")),),
}
_IN_CALL: dict[str, tuple[Opening, ...]] = {"end": (("<|start|>assistant",),)}


class _Marks:
    """The regular expressions of a set of marks."""

    def __init__(self, marks: dict[str, tuple[Opening, ...]]) -> None:
        found = (
            f"(?P<{kind}>{'|'.join(whole(opening, ()) for opening in openings)})"
            for kind, openings in marks.items()
        )
        self.found = re.compile("|".join(found))
        openings = [opening for each in marks.values() for opening in each]
        self.begun = re.compile("|".join(begun(opening, ()) for opening in openings))


_HARMONY_MARKS, _STRIPPED_MARKS, _CALL_MARKS = map(_Marks, (_MARKS, _STRIPPED, _IN_CALL))
# no English goes on after the word without a space
_ANALYSIS = re.compile(r"analysis(?=[A-Z\"'*`(\d])")


class Channels:
    """Follows one reply as it comes in; yields `(thinking, text)` pairs.

    `opened` says that the prompt has already opened a thought, as some templates do.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._rest = ""
        self._closer = THOUGHTS[0][1] if opened else ""
        self._marks: _Marks | None = None  # None: plain, with `_started` False at a start
        self._started = opened
        self._thinking = opened
        self._waiting = False  # the marks may have been stripped; not known yet
        self._said = {True: False, False: False}  # whether anything was yielded
        self._gap = False
        self._looked = 0  # while waiting: no mark begins before it

    def feed(self, text: str) -> Iterator[Part]:
        """Take more of the reply and yield what is certain."""
        self._rest += text
        yield from self._go(final=False)

    def end(self, *, cut: bool) -> Iterator[Part]:
        """Yield what was held back; `cut` says that the reply ended at a limit."""
        if self._waiting:  # no channel came after the analysis: it was a word
            self._waiting = False
            self._looked = 0
            self._thinking = cut
            self._marks = None
            if cut:
                self._rest = self._rest.lstrip().removeprefix("analysis")
        yield from self._go(final=True)
        if not (cut and self._marks and self._marks.begun.fullmatch(self._rest)):
            yield from self._say(self._rest)
        self._rest = ""

    # -- steps

    def _go(self, *, final: bool) -> Iterator[Part]:
        while self._rest:
            if not self._started:
                if not self._start(final=final):
                    return
            elif self._closer:
                if not (yield from self._thought()):
                    return
            elif self._marks is None:
                yield from self._say(self._take(len(self._rest)))
            elif not (yield from self._message(self._marks)):
                return

    def _start(self, *, final: bool) -> bool:
        """Look what the reply starts with; False when that is not known yet."""
        start = self._rest.lstrip()
        for opener, closer in THOUGHTS:
            if start.startswith(opener):
                self._rest = start[len(opener) :]
                self._closer, self._thinking, self._started = closer, True, True
                self._gap = True
                return True
        self._thinking = False
        if start.startswith(_HARMONY_STARTS) or re.match(r"to=functions\.[\w.-]+\s*<\|ch", start):
            self._marks = _HARMONY_MARKS
        elif _ANALYSIS.match(start) or re.match(r"assistant(?:final|commentary|analysis)", start):
            self._marks = _STRIPPED_MARKS
            self._waiting = start.startswith("analysis")
        elif not final and _UNKNOWN.fullmatch(start):
            return False
        self._started = True
        return True

    def _thought(self) -> Generator[Part, None, bool]:
        end = self._rest.find(self._closer)
        if end < 0:
            yield from self._say(self._take(len(self._rest) - _overlap(self._rest, self._closer)))
            return False
        yield from self._say(self._take(end))
        self._take(len(self._closer))
        self._closer, self._thinking, self._started = "", False, False
        return True

    def _message(self, marks: _Marks) -> Generator[Part, None, bool]:
        found = marks.found.search(self._rest, self._looked)
        if found is None:
            if self._waiting:
                self._looked = max(0, len(self._rest) - 40)  # longer than any of these marks
                return False
            held = marks.begun.search(self._rest)
            yield from self._say(self._take(held.start() if held else len(self._rest)))
            return False
        self._looked = 0
        if self._waiting:
            self._waiting = False
            self._thinking = True
            lead = len(self._rest) - len(self._rest.lstrip()) + len("analysis")
            self._take(lead)
            return True
        yield from self._say(self._take(found.start()))
        mark = self._rest[: found.end() - found.start()]
        if found.lastgroup == "header":
            self._thinking = "analysis" in mark
            self._gap = True
        elif marks is _CALL_MARKS:
            self._marks = _HARMONY_MARKS
        else:
            self._thinking = False
        if found.lastgroup == "call":
            # what looks like a mark inside of the arguments is theirs
            self._marks = _CALL_MARKS if marks is _HARMONY_MARKS else marks
            yield from self._say(self._take(len(mark)))
        else:
            self._take(len(mark))
        return True

    def _take(self, size: int) -> str:
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _say(self, text: str) -> Iterator[Part]:
        if not text:
            return
        if self._gap and self._said[self._thinking]:
            text = "\n" + text
        self._gap = False
        self._said[self._thinking] = True
        yield self._thinking, text


def _overlap(text: str, word: str) -> int:
    """Return how much of the text's end may be the beginning of the word."""
    return next(
        (n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0
    )


def _beginnings(*words: str) -> str:
    openings: tuple[Opening, ...] = tuple((word, Some("")) for word in words)
    return "|".join(begun(opening, ()) for opening in openings)


# what may still become a start, the empty one included
_UNKNOWN = re.compile(
    "|".join(
        (
            _beginnings(*(opener for opener, _ in THOUGHTS), *_HARMONY_STARTS),
            begun(("to=functions.", NAME, GAP, "<|ch"), ()),
            _beginnings("assistantfinal", "assistantcommentary", "assistantanalysis", "analysis"),
            "",
        )
    )
)


def separate(reply: str, *, cut: bool = False, opened: bool = False) -> tuple[str, str]:
    """Return the thinking and the answer of a whole reply."""
    channels = Channels(opened=opened)
    parts = [*channels.feed(reply), *channels.end(cut=cut)]
    thinking = "".join(text for thinking, text in parts if thinking)
    return thinking.strip(), "".join(text for thinking, text in parts if not thinking)
