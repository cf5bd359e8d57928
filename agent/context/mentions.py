"""What a prompt names, found in the repository: its files, its definitions, their uses.

For models that seldom look before they speak. The excerpts go behind the prompt within a budget;
whatever is cut is said, with the call that continues it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from agent.context.sources import Sources

BUDGET = 2400  # characters, about 700 tokens
EXCERPT = 40  # lines of one file or definition
MOST_NAMED = 3  # definitions shown in full
MOST_USES = 6  # lines that use a name

Near = Callable[[str], str]
Span = tuple[str, int, int]  # a path, and the first and the last line of it

_PATH = re.compile(r"[\w.@+-]*(?:/[\w.@+-]+)+|[\w-]+\.[A-Za-z]{1,5}\b")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]+")
_PLAIN = frozenset(
    """the and for with that this from what when which where does function class method file files
    test tests name rename remove create change make write read code add all its use using into
    not has have return returns line lines value import run why how show set one two""".split()  # noqa: SIM905  # a list of words reads best as words
)


def gather(
    sources: Sources,
    prompt: str,
    near: Near = lambda prompt: "",
    shown: Collection[Span] = (),
) -> str:
    """Return excerpts for the prompt under a heading; empty when it is about nothing that is here.

    Where it names nothing, `near` says what it may be about. What is `shown` already is left out.
    """
    parts: list[str] = []
    left = BUDGET
    for part in (*_files(sources, prompt, shown), *_definitions(sources, prompt, shown)):
        if len(part) > left:
            continue
        parts.append(part)
        left -= len(part)
    if not parts and (found := near(prompt)):
        parts.append(found)
    return "From the repository:\n" + "\n\n".join(parts) if parts else ""


def _files(sources: Sources, prompt: str, there: Collection[Span]) -> Iterator[str]:
    for name in dict.fromkeys(_PATH.findall(prompt)):
        bare = name.removeprefix("@")
        # a full stop may end the sentence and not the name
        path = sources.located(name) or sources.located(bare) or sources.located(bare.rstrip("."))
        if any(path == other for other, _, _ in there):
            continue
        # what others wrote is not handed over unasked; reading it is the model's own step
        text = sources.text(path) if path and not sources.foreign(path) else None
        if path and text is not None:
            yield _excerpt(path, text.split("\n"), 1, EXCERPT)


def _definitions(sources: Sources, prompt: str, there: Collection[Span]) -> Iterator[str]:
    words = {word for word in _WORD.findall(prompt) if word.lower() not in _PLAIN}
    # a word that could be prose names a definition only where it is written as code
    names = {word for word in words if _is_code(word, prompt)}
    shown = {name.removeprefix("@").rstrip(".") for name in _PATH.findall(prompt)}
    count = 0
    for source, symbol in sources.defining(names):
        if source.path in shown and source.text.count("\n") < EXCERPT:
            continue  # the file stands there already
        if any(
            source.path == path and first <= symbol.start_line <= last
            for path, first, last in there
        ):
            continue
        if count == MOST_NAMED:
            break
        count += 1
        last = min(symbol.end_line, symbol.start_line + EXCERPT)
        yield _excerpt(source.path, source.text.split("\n"), symbol.start_line, last)
    for name in sorted(names):
        if uses := list(_uses(sources, name)):
            yield "\n".join(uses[:MOST_USES])


def _is_code(word: str, prompt: str) -> bool:
    if "_" in word or re.search(r"[a-z][A-Z]", word):
        return True
    return (
        re.search(rf"`{word}\W|\b{word}\(|(function|class|method|to) `?{word}\b", prompt)
        is not None
    )


def _uses(sources: Sources, name: str) -> Iterator[str]:
    """Yield the lines that use a name other than by defining it."""
    pattern = re.compile(rf"\b{re.escape(name)}\b")
    for path in sources.paths():
        text = sources.text(path)
        if text is None or name not in text:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.search(line) and not re.match(r"\s*(def|class|function|func|fn)\b", line):
                yield f"{path}:{number}: {line.strip()[:120]}"


def _excerpt(path: str, lines: list[str], start: int, end: int) -> str:
    while lines and lines[-1] == "":
        lines = lines[:-1]
    end = min(end, len(lines))
    more = f"\n[… {len(lines) - end} more lines …]" if start == 1 and end < len(lines) else ""
    return f"{path}, lines {start}-{end}:\n" + "\n".join(lines[start - 1 : end]) + more
