"""What the calls of a conversation can name: what is there, and places outside that the user named.

A grammar made of this holds a local model to it. What git ignores, dependencies and other ways to
write a path are not listed; they can be named once they stand in the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from agent.messages import AssistantMessage, Message, ToolMessage, UserMessage
from agent.models.base import FileText, Groups, Known
from sandbox.workspace import PathError, Workspace
from tools import symbols
from tools.base import Named
from tools.likely import is_test
from tools.parts import parts
from tools.textfile import NotText, TextFile

# above these a call is free: llguidance takes a second to read a grammar of some 50,000 paths, and
# refuses one of 100,000; of files the listing has its own limit
MOST_LETTERS = 1_500_000
MOST_TEST_FILES = 300
LONG = 40  # lines of a function that is not written anew for a change in it
MOST_SHOWN, MOST_QUOTED = 8, 60_000  # files, and their letters in all, that can be quoted
_TEST_BYTES, _QUOTED_BYTES = 400_000, 4 * MOST_QUOTED + 1
_WORD = re.compile(r"[^\s\"'`<>|()\[\]{},;:*?=]{1,300}")
_PATH = re.compile(r"[/~]|\.\w{1,8}$")
_REPORTED = re.compile(r"^(?:FAILED (\S+?)(?=: |$)|--- (\S.*)$)", re.MULTILINE)
_HEAD = re.compile(r"^([ \t]*)(async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)

Names = tuple[str, ...]


class Nameable:
    """What calls can name in one workspace, asked anew for each request of a conversation."""

    def __init__(self, workspace: Workspace, small: bool = False) -> None:
        """Begin; a `small` model replaces the parts of a source whole, where they are short."""
        self._workspace = workspace
        self._small = small
        self._listed: Names | None = None
        self._files: Names = ()
        self._folders: Names = ()
        self._test_files: Names = ()
        self._test_places: Names = ()
        self._there: frozenset[str] = frozenset()
        self._letters = 0  # in all of them
        self._said: dict[str, bool] = {}  # words that may be paths, and whether the user's own
        self._reported: dict[str, None] = {}  # tests that a check told of
        # files that it is about, the latest last, and what was replaced in each
        self._talked: dict[str, dict[str, None]] = {}
        self._texts: dict[str, tuple[int, FileText | None]] = {}  # of a file as it was at a time
        self._read = 0  # messages
        self._tests: dict[str, tuple[int, Names]] = {}  # of a file as it was at a time

    def known(self, messages: Sequence[Message]) -> Known:
        """Return the names by kind; none at all where there are too many.

        `messages` are those of the call before, and more.
        """
        listed = self._workspace.listing.files()
        if listed is None:
            return Known()
        if listed is not self._listed:
            self._take(listed)
        if self._letters > MOST_LETTERS:
            return Known()
        self._hear(messages)
        files, places = self._mentioned()
        found: dict[Named, Groups] = {
            "file": (self._files, files),
            "place": (self._files, self._folders, files, places),
        }
        # where nothing tells which tests there are, a name is as good as another
        tests = self._defined()
        if tests:
            found["test"] = (self._test_places, *tests)
        return Known(found, tuple(self._shown()))

    def _take(self, listed: Names) -> None:
        """Take a new listing; a name that no line can hold is left out, and what reads as none."""
        self._listed = listed
        self._files = tuple(filter(_sayable, listed))
        added = tuple(f"{top}/" for top in self._workspace.extra)
        folders = {"."}
        for path in self._files:
            parent = path.rpartition("/")[0]
            if parent in folders:
                continue
            above = list(accumulate(parent.split("/"), lambda left, name: f"{left}/{name}"))
            if path.startswith("/"):  # what holds an added folder lies outside
                above = [each for each in above if f"{each}/".startswith(added)]
            folders.update(filter(_sayable, above))
        self._folders = tuple(sorted(folders))
        python = (path for path in self._files if path.endswith(".py") and "test" in path.lower())
        self._test_files = tuple(filter(is_test, python))
        every = [path for path in self._files if is_test(path)]
        holding = {path[:at] for path in every for at, each in enumerate(path) if each == "/"}
        self._test_places = (*every, *(folder for folder in self._folders if folder in holding))
        self._there = frozenset(folders.union(self._files))
        self._letters = sum(map(len, self._there))

    # -- what was said

    def _hear(self, messages: Sequence[Message]) -> None:
        """Keep the words of new messages that may be paths, and the tests they report."""
        self._read = 0 if len(messages) < self._read else self._read
        for message in messages[self._read :]:
            if isinstance(message, UserMessage | ToolMessage):
                own = isinstance(message, UserMessage) and message.by == "user"
                for word in _words(message.text):
                    if own and word in self._there:
                        self._talk_of(word)
                    if (own or _PATH.search(word)) and word not in self._there:
                        self._look(word, own)
            if isinstance(message, ToolMessage) and message.name == "check":
                found = (one or other for one, other in _REPORTED.findall(message.text))
                self._reported |= dict.fromkeys(each for each in found if each.isprintable())
            if isinstance(message, AssistantMessage):
                for call in message.calls:
                    self._talk_of(call.arguments.get("path"), _replaced(call.arguments))
        self._read = len(messages)

    def _talk_of(self, path: object, quoted: Iterable[str] = ()) -> None:
        if isinstance(path, str):
            self._talked[path] = {**self._talked.pop(path, {}), **dict.fromkeys(quoted)}

    def _look(self, word: str, own: bool) -> None:
        own = own or self._said.get(word, False)
        if self._kind(word, own):
            self._said[word] = own

    def _mentioned(self) -> tuple[Names, Names]:
        """Return the files and the other places that were said, as they were written."""
        found: dict[str, list[str]] = {"file": [], "place": []}
        for word, own in self._said.items():
            if word not in self._there and (kind := self._kind(word, own)):
                found[kind].append(word)
        return tuple(found["file"]), tuple(found["place"])

    def _kind(self, word: str, own: bool) -> str:
        """Return what a word names; of what lies outside only what is the user's own word.

        That is not looked at: reading it is for the policy to decide.
        """
        try:
            if self._workspace.outside(word):
                return "place" if own and re.match(r"/.|~/|\.\./", word) else ""
            kind = self._workspace.kind(word)
        except PathError:
            return ""
        return {"file": "file", "link": "file", "directory": "place"}.get(kind, "")

    def _shown(self) -> Iterator[FileText]:
        """Yield the texts of the files that it was about last."""
        room = MOST_QUOTED
        for path in [path for path in reversed(self._talked) if path in self._there][:MOST_SHOWN]:
            # a link's own time tells nothing of what it leads to
            found = self._text(path) if self._workspace.kind(path) == "file" else None
            size = sum(map(len, found.texts)) if found is not None else 0
            if found is not None and size <= room:
                room -= size
                yield replace(found, quoted=tuple(self._talked[path]))

    def _text(self, path: str) -> FileText | None:
        changed = self._workspace.changed_ns(path)
        known = self._texts.get(path)
        if known is None or known[0] != changed:
            try:
                text = TextFile.decode(self._workspace.read(path, _QUOTED_BYTES).data).text
            except (PathError, NotText):
                text = ""
            defined = symbols.definitions(path, text)
            others = parts(path, text) if self._small else []
            texts = tuple(_long(text, defined)) if others else (text,)
            names = tuple(dict.fromkeys(each.name for each in (*defined, *others)))
            found = FileText(path, texts, names) if text.strip() else None
            known = self._texts[path] = changed, found
        return known[1]

    # -- tests

    def _defined(self) -> tuple[Names, ...]:
        """Return the tests that Python files define, as pytest names them, and those reported."""
        paths = self._test_files
        if not 0 < len(paths) <= MOST_TEST_FILES:
            return ()
        reported = tuple(self._reported)
        if reported and not any("::" in test for test in reported):
            return (reported,)  # another runner, which names them otherwise
        defined = tuple(test for path in paths for test in self._defined_in(path))
        return (defined, tuple(set(reported) - set(defined))) if defined else ()

    def _defined_in(self, path: str) -> Names:
        changed = self._workspace.changed_ns(path)
        known = self._tests.get(path)
        if known is None or known[0] != changed:
            try:
                text = TextFile.decode(self._workspace.read(path, _TEST_BYTES).data).text
            except (PathError, NotText):
                text = ""
            known = self._tests[path] = changed, tuple(tests_in(path, text))
        return known[1]


def _long(text: str, defined: Sequence[symbols.Symbol]) -> Iterator[str]:
    """Yield the long functions of a source; each other part of it is replaced whole, by its name.

    Asked to change a function, a small model would quote its head and write all of it there, in
    front of the old body; and held to quote what stands there, it quotes anything.
    """
    for each in defined:
        if each.kind in ("function", "method") and each.end_line - each.start_line >= LONG:
            yield text[each.start : each.end]


def _replaced(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an edit replaces."""
    edits = arguments.get("edits")
    for each in (arguments, *(edits if isinstance(edits, list) else ())):
        old = each.get("old") if isinstance(each, Mapping) else None
        if old and isinstance(old, str):
            yield old


def _sayable(path: str) -> bool:
    """Whether a line can hold a path, and tools take it for one: not for a home, or for none."""
    return path.isprintable() and path != "~" and not path.startswith("~/") and bool(path.strip())


def tests_in(path: str, source: str) -> Iterator[str]:
    """Yield the ids of the tests in a Python source, and of the classes that hold them."""
    around: list[tuple[int, str]] = []  # the classes that a line is in
    named: set[str] = set()
    for indent, word, name in _HEAD.findall(source):
        depth = len(indent.expandtabs())
        around = [each for each in around if each[0] < depth]
        if word == "class":
            around.append((depth, name))
        elif name.startswith("test"):
            classes = "::".join((path, *(each for _, each in around)))
            found = (f"{classes}::{name}",) if not around else (classes, f"{classes}::{name}")
            yield from (each for each in found if each not in named)
            named.update(found)


def _words(text: str) -> Iterable[str]:
    """Return the words of a text, each once, without what a sentence adds to them."""
    found = (word.lstrip("@").rstrip(".!") or word for word in _WORD.findall(text))
    return dict.fromkeys(word for word in found if word.isprintable())
