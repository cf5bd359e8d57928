"""What a search was likely for: the name that a pattern asks about, and kinds of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from tools.languages import language_of

VENDORED = re.compile(r"(?:^|/)(?:_?vendor(?:ed)?|third[_-]?party|site-packages|extern(?:al)?s?)/")
SOURCE, TEST, REST = 1, 2, 3  # kinds of files, the likeliest first
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs"})
_TEST_FILE = re.compile(r"(^tests?_|_tests?$|\.test$|\.spec$|^conftest$|^tests?$)")
_MINIFIED = re.compile(r"\.min\.\w+$")
# what people program in, of which no definitions are known here
_OTHER_SOURCES = frozenset(
    """.rb .php .kt .kts .swift .cs .fs .scala .clj .ex .exs .erl .hs .ml .lua .pl .pm .r .jl .dart
    .vue .svelte .sql .m .mm .zig .nim .groovy .proto .ps1 .zsh .fish .el .lisp .vim""".split()  # noqa: SIM905  # a list of words reads best as words
)
_PREFIXES = "def|class|function|func|fn|struct|interface|type|enum|trait"
_ASKED = re.compile(
    rf"(?:\\b|\^)*(?:(?:{_PREFIXES})(?:\s|\\s[+*]?)+)?"
    r"((?:[^\W\d]\w*(?:\\?\.))*[^\W\d]\w*)(?:\\b|\\\(|\()?"
)
_WORDS = (
    "def|class|function|func|fn|fun|sub|struct|interface|type|typedef|enum|trait|impl|module|mod|"
    "namespace|object|record|protocol|macro_rules!|#define|const|let|var|val"
)


def is_test(path: str) -> bool:
    """Whether a path is a test or serves tests, by the common conventions."""
    pure = PurePosixPath(path)
    if _TEST_FOLDERS & {part.lower() for part in pure.parts[:-1]}:
        return True
    return bool(_TEST_FILE.search(pure.stem.lower()))


def kind_of(path: str) -> int:
    """Return `SOURCE`, `TEST` or `REST`: documents, data, what others wrote, what is minified."""
    if VENDORED.search(path) or _MINIFIED.search(path):
        return REST
    known = language_of(path, "") is not None
    if not known and PurePosixPath(path).suffix.lower() not in _OTHER_SOURCES:
        return REST
    return TEST if is_test(path) else SOURCE


@dataclass(frozen=True, slots=True)
class Asked:
    """A name that a pattern looks for, with dots where it has several parts."""

    name: str
    words: re.Pattern[str]  # of a line that defines it with one of the words of `_WORDS`
    value: re.Pattern[str]  # of a line at the margin that gives it a value

    @property
    def short(self) -> str:
        """Its last part."""
        return self.name.rpartition(".")[2]

    def defined_by(self, line: str) -> bool:
        """Whether a line, or the JSON of one, probably defines it, in most languages."""
        return bool(self.words.search(line) or self.value.search(line))


def asked(pattern: str) -> Asked | None:
    r"""Return the name that a pattern looks for, None where it is no name.

    As in `total`, `def total`, `\bCart\.total\b`, `total\(`.
    """
    found = _ASKED.fullmatch(pattern.strip())
    if found is None:
        return None
    name = found[1].replace("\\", "")
    short = re.escape(name.rpartition(".")[2])
    return Asked(
        name,
        re.compile(
            rf"(?:^|[\s\"({{;]|\\t)(?:{_WORDS})[\s*&]+(?:\([^)]{{0,80}}\)\s*)?"
            rf"(?:[\w:<>]{{1,80}}(?:\.|::))?{short}\b"
        ),
        re.compile(rf'(?:^|"text":")(?:export\s+)?{short}\s*(?::[^="]{{0,80}})?:?=(?!=)'),
    )
