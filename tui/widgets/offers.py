"""What the list above the prompt offers for the text at the cursor: files, commands, history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.widgets.text_area import Location

from agent.terminal import inert
from tui.commands import Command
from tui.files import Files, Hit, Symbol, rank
from tui.recall import Recall
from tui.widgets.completion import Choice, Completion
from tui.widgets.folding_area import FoldingArea, plain

AT_ONCE = 1000  # names that are ranked while the key is handled; more are in a thread
MOST = 50  # choices
SYMBOLS = 20  # definitions among them
_LOOK = 200  # columns before the cursor in which an `@` is looked for
_WORDS = {
    "diff": "what is changed against HEAD, new files too",
    "failing": "the failing tests of the last check",
}
_NAME = re.compile(r"[^\W\d]\w+(?:\.\w*)*")
_RANGE = re.compile(r".+:[\d-]*")  # the lines of a file are typed by hand


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is being completed: the kind, the text of it, and where that begins."""

    kind: Literal["file", "command", "word", "history"]
    query: str
    start: Location


class Offers:
    """Follows the text of an area and opens, fills and closes the list for it."""

    def __init__(
        self,
        area: FoldingArea,
        popup: Completion,
        files: Files,
        commands: Callable[[], Mapping[str, Command]],
        recall: Recall,
    ) -> None:
        self._area = area
        self._popup = popup
        self._files = files
        self._commands = commands
        self._recall = recall
        self._wanted: Wanted | None = None
        self._offered: Wanted | None = None  # what the list on the screen is for
        self._left: Location | None = None  # where the user wanted no list
        self._searching = False
        self._ranking = self._naming = False
        self._named_so: tuple[str, list[Symbol]] = ("", [])  # the last query, and what fits it
        self._moved = False  # the mark, since the list was opened

    @property
    def is_open(self) -> bool:
        """Whether the list is on the screen."""
        return self._popup.is_open

    @property
    def searching(self) -> bool:
        """Whether the list is of the history."""
        return self._searching

    def look(self) -> None:
        """Look at the text before the cursor; costs next to nothing where there is no trigger."""
        wanted = self._trigger()
        if wanted is None:
            self._left = self._wanted = None
            self._popup.close()
            return
        if wanted == self._wanted or wanted.start == self._left:
            return
        self._wanted, self._left = wanted, None
        match wanted.kind:
            case "file":
                self._find()
            case "command":
                self._show(wanted, "commands", self._named(wanted.query))
            case "word":
                self._show(wanted, "words", self._words(wanted.query))
            case "history":
                self._show(wanted, "history", self._said(wanted.query), always=True)

    def search(self) -> None:
        """Search the history for what is typed; again, go to the next that fits."""
        if self._searching and self.is_open:
            self._popup.move(1)
            return
        self._searching = True
        self._wanted = None
        self.look()

    def move(self, by: int) -> None:
        """Move the mark in the list."""
        self._moved = True
        self._popup.move(by)

    def close(self) -> None:
        """Close the list, and leave it closed while the cursor stays in this word."""
        wanted = self._trigger()
        self._searching = False
        self._left = wanted.start if wanted and wanted.kind != "history" else None
        self._wanted = None
        self._popup.close()

    def exact(self) -> bool:
        """Whether the choice is what is typed already, so that there is nothing to take.

        A command that was given no word yet can be meant without one.
        """
        chosen, wanted = self._popup.chosen, self._wanted
        if chosen is None or wanted is None or wanted.kind == "history":
            return False
        if wanted.kind == "word":
            return wanted.query == chosen.text or not (wanted.query or self._moved)
        sign = "@" if wanted.kind == "file" else "/"
        return chosen.text.rstrip() == sign + wanted.query

    def take(self, choice: Choice | None = None) -> None:
        """Put a choice, or the one at the mark, in place of what it completes, and close."""
        wanted = self._wanted
        if wanted is not None and wanted != self._offered and wanted.kind == "file":
            self._offer_files(wanted, rank(wanted.query, self._files.names, MOST))
        choice = choice or self._popup.chosen
        if choice is not None and wanted is not None:
            end = self._area.cursor_location
            following = self._area.document.get_line(end[0])[end[1] :]
            text = choice.text.rstrip() if following[:1] == " " else choice.text
            if wanted.kind == "history":
                end = self._area.document.end
                text = self._area.folds.fold_again(plain(choice.text))
            result = self._area.replace(text, wanted.start, end, maintain_selection_offset=False)
            self._area.move_cursor(result.end_location)
        self.close()

    # -- within

    def _trigger(self) -> Wanted | None:
        if self._searching:
            return Wanted("history", self._area.text, (0, 0))
        row, column = self._area.cursor_location
        line = self._area.document.get_line(row)
        if row == 0 and line.startswith("/") and column:
            name, space, word = line[1:column].partition(" ")
            if not any(map(str.isspace, name + word)):
                if not space:
                    return Wanted("command", name, (0, 0))
                if self._known(name):
                    return Wanted("word", word, (0, len(name) + 2))
        at = line.rfind("@", max(0, column - _LOOK), column)
        if at < 0 or (at and not line[at - 1].isspace()):
            return None
        word = line[at + 1 : column]
        if any(map(str.isspace, word)) or _RANGE.fullmatch(word):
            return None
        return Wanted("file", word, (row, at))

    def _show(
        self, wanted: Wanted, title: str, choices: list[Choice], *, always: bool = False
    ) -> None:
        self._offered, self._moved = wanted, False
        if choices or always:
            self._popup.offer(title, choices)
        else:
            self._popup.close()

    def _named(self, query: str) -> list[Choice]:
        query = query.lower()
        table = self._commands().values()
        begun = [each for each in table if each.name.startswith(query)]
        within = [each for each in table if query in each.name and each not in begun]
        return [
            Choice(
                f"/{each.name} " if each.takes else f"/{each.name}",
                f"/{each.name}",
                each.about,
                " ".join(part for part in (each.source, each.takes) if part),
                _letters(each.name, query, 1),
            )
            for each in (*begun, *within)
        ]

    def _known(self, name: str) -> Sequence[str]:
        command = self._commands().get(name)
        return command.words() if command else ()

    def _words(self, query: str) -> list[Choice]:
        name = self._area.document.get_line(0)[1:].partition(" ")[0]
        fit = [word for word in self._known(name) if query.lower() in word.lower()]
        fit.sort(key=lambda word: not word.lower().startswith(query.lower()))
        return [Choice(word, word, columns=_letters(word, query, 0)) for word in fit]

    def _said(self, query: str) -> list[Choice]:
        choices = []
        for text in self._recall.search(query, MOST):
            first, _, more = text.strip().partition("\n")
            shown = inert(first).expandtabs(4)
            found = [column for word in query.split() for column in _letters(shown, word, 0)]
            about = f"{more.count(chr(10)) + 2} lines" if more else ""
            choices.append(Choice(text, shown, more=about, columns=tuple(found)))
        return choices

    # -- files

    def _find(self) -> None:
        if self._files.stale:
            self._files.listing = True  # at once: the next key comes before the thread has begun
            self._area.run_worker(self._list(), group="files")
        self._offer_best()
        if not self._naming and self._wanted and _NAME.fullmatch(self._wanted.query):
            self._naming = True
            self._area.run_worker(self._name(), group="files")

    async def _list(self) -> None:
        await asyncio.to_thread(self._files.scan)
        self._offer_best()

    def _offer_best(self) -> None:
        wanted, names = self._wanted, self._files.names
        if wanted is None or wanted.kind != "file":
            return
        if len(names) <= AT_ONCE:
            self._offer_files(wanted, rank(wanted.query, names, MOST))
        elif not self._ranking:
            self._ranking = True
            self._area.run_worker(self._rank(), group="files")

    async def _rank(self) -> None:
        """Rank in a thread until what is ranked is what is typed; one thread, however fast."""
        try:
            while (wanted := self._wanted) is not None and wanted.kind == "file":
                names = list(self._files.names)
                hits = await asyncio.to_thread(rank, wanted.query, names, MOST)
                if wanted == self._wanted:
                    self._offer_files(wanted, hits)
                    return
        finally:
            self._ranking = False

    async def _name(self) -> None:
        """Look for definitions in a thread, until what is looked for is what is typed."""
        try:
            while (wanted := self._wanted) is not None and wanted.kind == "file":
                found = await asyncio.to_thread(self._files.symbols, wanted.query, SYMBOLS)
                if wanted == self._wanted:
                    self._named_so = wanted.query, found
                    if found and not self._moved:
                        self._offer_best()
                    return
        finally:
            self._naming = False

    def _offer_files(self, wanted: Wanted, hits: list[Hit]) -> None:
        """Offer the words, the files that hold what is typed, definitions, then other files."""
        query = wanted.query
        words = [
            Choice(f"@{word} ", word, about, columns=tuple(range(len(query))))
            for word, about in _WORDS.items()
            if word.startswith(query)
        ]
        held = [_file(hit) for hit in hits if query.lower() in hit.path.lower()]
        others = [_file(hit) for hit in hits if query.lower() not in hit.path.lower()]
        named = self._named_so[1] if self._named_so[0] == query else []
        found = [
            Choice(f"@{each.name} ", each.name, each.place, columns=_letters(each.name, query, 0))
            for each in named
        ]
        choices = [*words, *held, *found, *others]
        partial = self._files.partial
        title = "files, listing …" if partial else "files"
        self._show(wanted, title, choices, always=partial)


def _file(hit: Hit) -> Choice:
    spaced = any(map(str.isspace, hit.path))
    text = f'@"{hit.path}" ' if spaced else f"@{hit.path} "
    return Choice(text, hit.path, columns=hit.columns, from_end=True)


def _letters(text: str, query: str, begin: int) -> tuple[int, ...]:
    at = text.lower().find(query.lower())
    return tuple(range(begin + at, begin + at + len(query))) if query and at >= 0 else ()
