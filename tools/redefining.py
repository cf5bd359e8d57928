"""Where a replacement of a definition goes: found by its name, put into the form of its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from tools import symbols
from tools.parts import END, parts
from tools.patching import NoMatch, Splice, indent_of, line_at, reindent, unit_of
from tools.textfile import unified_newlines


def span_of(path: str, text: str, name: str) -> tuple[int, int]:
    """Return where a definition begins and ends; the whole text where `name` names none."""
    found = symbols.find(symbols.definitions(path, text), name) if name else []
    return (found[0].start, found[0].end) if len(found) == 1 else (0, len(text))


def by_symbol(path: str, text: str, name: str, new: str) -> Splice:
    """Return what replaces the definition called `name`; raises NoMatch.

    The code is indented to fit the place. Decorators stay when `new` has none; empty code removes
    the definition. `new` may come in a Markdown fence, or inside its class. Where no definition
    goes by that name, it may be one of the file's other `parts`.
    """
    known, code = symbols.definitions(path, text), _unfenced(unified_newlines(new))
    others = [] if symbols.find(known, name) else parts(path, text)
    if part := next((each for each in others if each.name == name), None):
        return _part(path, text, part, code)
    symbol = one_definition(path, name, known)
    code = _only(path, text, code, symbol).strip("\n").rstrip()
    if not code.strip():
        return _removal(text, symbol)
    decorated = code.lstrip().startswith(("@", "#["))
    start = symbol.start if decorated else symbol.head
    exported = _EXPORT.match(text, start)
    if exported and not _EXPORT.match(code.lstrip()):
        start = exported.end()
    _nothing_twice(text, symbol, code)
    if code[-1] in ",;" and text.startswith(code[-1], symbol.end):
        code = code[:-1]
    line_start = text.rfind("\n", 0, start) + 1
    before = text[line_start:start]
    code = reindent(path, code, indent_of(before), unit_of(text))
    if before.strip():  # something else stands before it on the line
        return Splice(start, symbol.end, code.lstrip(" \t"))
    return Splice(line_start, symbol.end, code)


def _part(path: str, text: str, part: symbols.Symbol, code: str) -> Splice:
    """Return what replaces a part by what the code has of it, or adds the code at the end."""
    if part.name == END:
        code = _unlike(path, text, code, "").strip("\n").rstrip()
        gap = "\n" * (3 - len(text[-2:]) + len(text[-2:].rstrip("\n"))) if text.strip() else ""
        return Splice(len(text), len(text), f"{gap}{code}\n" if code else "")
    if not code.strip():
        return _removal(text, part)
    same = next((each for each in parts(path, code) if each.name == part.name), None)
    if same is None:
        raise NoMatch(f"`new` has no {part.name}; write all of it, as it is to be")
    return Splice(part.start, part.end, code[same.start : same.end])


_SETTING = r"(?:(?:export\s+)?(?:const|let|var)\s+)?(?P<name>[^\W\d]\w*)[^\S\n]*=(?![=>])"


def _nothing_twice(text: str, symbol: symbols.Symbol, code: str) -> None:
    """Raise NoMatch where code for one definition sets a name too that is set elsewhere already.

    A small model that is to change a setting writes it behind a function that it copies.
    """
    for found in re.finditer(rf"^{re.escape(indent_of(code))}{_SETTING}", code, re.M):
        there = [each.start() for each in re.finditer(rf"^{re.escape(found[0])}", text, re.M)]
        if outside := [at for at in there if not symbol.start <= at < symbol.end]:
            raise NoMatch(
                f"`new` holds more than the definition: {found['name']} is set in line"
                f" {line_at(text, outside[0])}; change that by a call of its own"
            )


def one_definition(path: str, name: str, known: Sequence[symbols.Symbol]) -> symbols.Symbol:
    """Return the definition that goes by a name, of those that are known; raises NoMatch."""
    found = symbols.find(known, name)
    if not found:
        raise NoMatch(_unknown_symbol(path, name, known))
    if len(found) > 1:
        choices = ", ".join(f"{each.name}:{each.start_line}" for each in found[:8])
        raise NoMatch(f"{len(found)} definitions named `{name}`; give one of symbol={choices}")
    return found[0]


_EXPORT = re.compile(r"export\s+(default\s+)?(?!default\b)")


def _only(path: str, text: str, code: str, symbol: symbols.Symbol) -> str:
    """Return the definition without what the code shows around it that is there already.

    A method may be shown inside its class, a function between others of its file. Raises NoMatch.
    """
    inside = symbols.definitions(path, code)
    if "." in symbol.name:
        return _method(code, inside, symbol)
    if not any(each.name == symbol.name for each in inside):
        return code
    return _unlike(path, text, code, symbol.name)


def _unlike(path: str, text: str, code: str, name: str) -> str:
    """Return the code without what stands in the text already, but for the definition of a name.

    Only whole definitions and parts go, each as it stands there; a statement may be meant to stand
    twice. Raises NoMatch where another definition is not as it is there.
    """
    code = re.sub(rf"\A\s*(?:#|//)[^\n]*{re.escape(path)}[^\n]*\n", "", code)  # a heading
    tops = [each for each in symbols.definitions(path, code) if "." not in each.name]
    known = {each.name: each for each in symbols.definitions(path, text)}
    others = [each for each in tops if each.name != name and each.name in known]
    for each in others:
        same = known[each.name]
        if _bare(code[each.start : each.end]) != _bare(text[same.start : same.end]):
            raise NoMatch(
                f"`new` holds {each.name} too, other than in line {same.start_line};"
                f" change {each.name} by a call of its own"
            )
    cut = [(each.start, each.end) for each in others]
    there = {each.name: text[each.start : each.end] for each in parts(path, text)}
    for part in parts(path, code):
        if part.name != END and code[part.start : part.end] == there.get(part.name):
            cut.append((part.start, part.end))
    for start, end in sorted(cut, reverse=True):
        code = code[:start].rstrip("\n") + "\n\n\n" + code[end:].lstrip("\n")
    return code


def _bare(code: str) -> list[str]:
    return [line.strip() for line in code.split("\n") if line.strip()]


def _method(code: str, inside: Sequence[symbols.Symbol], symbol: symbols.Symbol) -> str:
    """Return the method alone where the code shows it inside its class."""
    short = symbol.short
    tops = [each for each in inside if "." not in each.name]
    if any(each.short == short for each in tops) or len(tops) != 1:
        return code
    same = [each for each in inside if f".{symbol.name}".endswith(f".{each.name}")]
    if len(same) != 1 or tops[0].name != same[0].name.partition(".")[0]:
        return code
    if len([each for each in inside if each.name.count(".") == same[0].name.count(".")]) > 1:
        return code
    line_start = code.rfind("\n", 0, same[0].start) + 1
    return code[line_start : same[0].end]


def _removal(text: str, symbol: symbols.Symbol) -> Splice:
    start = text.rfind("\n", 0, symbol.start) + 1
    if text[start : symbol.start].strip():
        return Splice(symbol.start, symbol.end, "")
    end = symbol.end
    while text.startswith("\n", end):
        end += 1
    if end >= len(text):  # it was the last: the blank lines before it go
        while start > 1 and text[start - 2 : start] == "\n\n":
            start -= 1
    return Splice(start, end, "")


def _unknown_symbol(path: str, name: str, known: Sequence[symbols.Symbol]) -> str:
    if not known:
        return f"{path} has no definitions that are known by name; use old and new"
    names = [each.name for each in known]
    bare = symbols.plain_name(name).rpartition(".")[2]
    near = [each for each in names if each.rpartition(".")[2].lower() == bare.lower()]
    near += difflib.get_close_matches(name, names, 3, 0.6)
    shown = ", ".join(dict.fromkeys(near)) or ", ".join(names[:12])
    return f"no definition named `{name}` in {path}; there is: {shown}"


def _unfenced(code: str) -> str:
    found = re.fullmatch(r"\s*```[^\n`]*\n(.*?)\n?```\s*", code, flags=re.S)
    return found[1] if found else code
