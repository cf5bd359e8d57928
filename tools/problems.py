"""What a change breaks, told without running anything of the project: names that nothing defines.

For Python, by pyflakes, which only reads the syntax tree.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator

from tools.languages import language_of
from tools.symbols import Problem, Symbol, definitions, enclosing

MOST = 3  # that are told
SIZE = 400_000  # characters of a file that is looked at
# what is wrong wherever it stands; an import without a use may be the first of two edits
_WRONG = frozenset({"UndefinedName", "UndefinedLocal", "UndefinedExport", "RedefinedWhileUnused"})
_LINE = re.compile(r" from line \d+")
_NAME = re.compile(r"'([^']+)'")


def told(
    path: str, before: str, after: str, elsewhere: Collection[tuple[int, str]] = ()
) -> Iterator[str]:
    """Yield a sentence for each problem that a text has and the one before it had not.

    Not for what is told `elsewhere`: of a name in a line.
    """
    known = Counter(_LINE.sub("", each.message) for each in _problems(path, before))
    new: dict[str, list[str]] = {}  # lines
    defined = definitions(path, after)
    for each in _problems(path, after):
        kind = _LINE.sub("", each.message)
        if known[kind]:
            known[kind] -= 1
        elif not any((each.line, name) in elsewhere for name in _NAME.findall(each.message)):
            new.setdefault(each.message, []).append(_place(each.line, defined))
    for message, lines in list(new.items())[:MOST]:
        yield f"line {', '.join(dict.fromkeys(lines))}: {message}"
    if len(new) > MOST:
        yield f"and {len(new) - MOST} more such problems"


def _place(line: int, defined: list[Symbol]) -> str:
    around = enclosing(defined, line)
    return f"{line} ({around.name})" if around else str(line)


def _problems(path: str, text: str) -> list[Problem]:
    language = language_of(path, text)
    if language is None or language.name != "python" or len(text) > SIZE:
        return []
    from pyflakes.checker import Checker

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the project's own texts
            messages = Checker(ast.parse(text), path).messages
    except (SyntaxError, ValueError, RecursionError):
        return []  # another Python's, or none: the syntax is looked at elsewhere
    return [
        Problem(each.lineno, each.message % each.message_args)
        for each in sorted(messages, key=lambda each: (each.lineno, each.col))
        if type(each).__name__ in _WRONG
    ]
