"""Reads a shell command line into the plain commands that it runs.

Pipes, lists, substitutions, wrappers (`env`, `xargs`, `find -exec`) and `bash -c` are taken apart.
What could mean something else when it runs raises `NotUnderstood`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tools.base import Effect
from tools.programs import HARMLESS_VARIABLES, SHELLS, TRUSTED_FOLDERS, WRAPPERS, Wrapper

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

Word = str | None  # None: a word whose text is only known when it runs
Words = tuple[Word, ...]


class Glob(str):
    """An unquoted word that the shell replaces by the names of files, whatever they are."""

    __slots__ = ()


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=", re.ASCII)
_SUM = re.compile(r"\$\(\([\d\s+*/%()-]*\)\)")
_EXPANSION = re.compile(r"\$\{#?\w+((:?[-+?]|##?|%%?)[^\[\]@]*)?\}")
_NUMERIC_TEST = re.compile(r"-(eq|ne|lt|le|gt|ge|v|R)\b")
_DEEPEST = 8  # `bash -c` within `bash -c`; more than that is not meant to be read


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# statements that only hold others; anything else that is named is not understood
_HOLDERS = _names(
    "program list pipeline redirected_statement negated_command subshell compound_statement "
    "if_statement elif_clause else_clause while_statement for_statement do_group case_statement "
    "case_item test_command binary_expression unary_expression parenthesized_expression "
    "heredoc_body heredoc_redirect herestring_redirect string concatenation array "
    "command_substitution process_substitution expansion command_name arithmetic_expansion"
)
_LEAVES = _names(
    "word number raw_string ansi_c_string string_content simple_expansion variable_name "
    "special_variable_name comment file_descriptor heredoc_start heredoc_end heredoc_content "
    "regex extglob_pattern test_operator brace_expression translated_string"
)


class NotUnderstood(Exception):
    """The command cannot be read; it is the worst it could be."""


@dataclass(slots=True)
class Script:
    """The plain commands that a command line runs, wrappers taken off, and what it writes to."""

    commands: list[Words] = field(default_factory=list)
    targets: list[Word] = field(default_factory=list)
    sources: list[Word] = field(default_factory=list)
    adds: frozenset[Effect] = frozenset()


@cache
def _parser() -> Parser:
    # loaded at the first use: most sessions never run uncontained
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _unescape(text: str, escaped: str) -> str | None:
    if "\\\n" in text:
        return None
    return re.sub(rf"\\({escaped})", r"\1", text)


def literal(node: Node) -> Word:
    """Return the text that a word stands for, or None where it takes a shell to know."""
    kind, text = node.type, _text(node)
    if kind == "command_name":
        return literal(node.children[0]) if len(node.children) == 1 else None
    if kind == "number":
        return text
    if kind == "word":
        if re.search(r"(?<!\\)[{}]", text) and text != "{}":
            return None
        plain = _unescape(text, ".")
        return Glob(plain) if plain and re.search(r"(?<!\\)[*?\[]", text) else plain
    if kind == "raw_string":
        return text[1:-1]
    if kind == "string":
        if any(child.type != "string_content" for child in node.named_children):
            return None
        return _unescape(text[1:-1], r'[\\"$`]')
    if kind == "concatenation":
        if text == "{}":
            return text
        parts = [literal(child) for child in node.children]
        if None in parts:
            return None
        joined = "".join(part for part in parts if part is not None)
        return Glob(joined) if any(isinstance(part, Glob) for part in parts) else joined
    return None


def tree_of(command: str) -> Node:
    """Parse a command line; raises NotUnderstood when that fails."""
    if _CONTROL.search(command):
        raise NotUnderstood
    root = _parser().parse(command.encode("utf-8", "replace")).root_node
    if root.has_error:
        raise NotUnderstood
    return root


def read_script(command: str, depth: int = 0) -> Script:
    """Take a command line apart; raises NotUnderstood."""
    script = Script()
    _visit(tree_of(command), script, depth)
    return script


def _check_evaluation(node: Node) -> None:
    """Raise NotUnderstood where bash would evaluate text: subscripts and arithmetic run commands.

    `x='a[$(rm y)]'; echo $((x))` removes y; `${x:=…}` sets a variable, `${x@P}` expands once more.
    """
    kind, text = node.type, _text(node)
    if (
        (kind == "arithmetic_expansion" and not _SUM.fullmatch(text))
        or (kind == "expansion" and not _EXPANSION.fullmatch(text))
        or (kind == "compound_statement" and text.startswith("(("))
        or (kind == "test_command" and _NUMERIC_TEST.search(text))
    ):
        raise NotUnderstood


def _visit(node: Node, script: Script, depth: int) -> None:
    kind = node.type
    if kind == "command":
        _visit_command(node, script, depth)
    elif kind == "file_redirect":
        operator = next((c.type for c in node.children if not c.is_named), "")
        destination = node.named_children[-1]
        to_descriptor = operator in {">&", "<&"} and destination.type == "number"
        if not to_descriptor:
            (script.sources if operator == "<" else script.targets).append(literal(destination))
        _visit(destination, script, depth)
    elif kind == "variable_assignment":
        _check_variable(_text(node.named_children[0]))
        for child in node.named_children[1:]:
            _visit(child, script, depth)
    elif kind in _HOLDERS:
        _check_evaluation(node)
        if kind == "for_statement":
            _check_variable(_text(node.named_children[0]))
        for child in node.named_children:
            _visit(child, script, depth)
    elif kind not in _LEAVES:
        # a function can take any program's name, a declaration any variable's
        raise NotUnderstood


def _check_variable(name: str) -> None:
    # lower-case names are the script's own; upper-case ones may be some program's settings
    if not (name in HARMLESS_VARIABLES or name.startswith("LC_") or name.islower()):
        raise NotUnderstood


def _visit_command(node: Node, script: Script, depth: int) -> None:
    words: list[Word] = []
    for child in node.named_children:
        if child.type in {"variable_assignment", "file_redirect", "herestring_redirect"}:
            _visit(child, script, depth)
            continue
        words.append(literal(child))
        _visit(child, script, depth)
    _unwrap(tuple(words), script, depth)


def _unwrap(words: Words, script: Script, depth: int) -> None:
    """Add the command itself, or what it runs."""
    if depth > _DEEPEST:
        raise NotUnderstood
    if not words:
        return
    name = program_of(words[0])
    if name in WRAPPERS:
        wrapper = WRAPPERS[name]
        script.adds |= wrapper.adds
        inner = _after_options(words[1:], wrapper)
        if name == "env":
            inner = _after_assignments(inner)
        if wrapper.appends:
            inner = (*(inner or ("echo",)), None)
        if inner:
            _unwrap(inner, script, depth + 1)
        else:
            script.commands.append(words)
    elif name in SHELLS:
        if len(words) < 3 or words[1] not in {"-c", "-ec", "-lc", "-euc"} or words[2] is None:
            raise NotUnderstood
        nested = read_script(words[2], depth + 1)
        script.commands += nested.commands
        script.targets += nested.targets
        script.sources += nested.sources
        script.adds |= nested.adds
    elif name == "find":
        script.commands.append(tuple(_without_exec(words, script, depth)))
    else:
        script.commands.append(words)


def program_of(word: Word) -> str:
    """Return the name to look up in the tables; raises NotUnderstood where nobody knows it."""
    if not word:
        raise NotUnderstood
    path = PurePosixPath(word)
    if "/" in word and str(path.parent) not in TRUSTED_FOLDERS:
        return word  # a file of the project: in no table
    return path.name


def _after_options(words: Words, wrapper: Wrapper) -> Words:
    """Return the words after a wrapper's own; raises NotUnderstood on an unknown option."""
    rest = list(words)
    while rest and (rest[0] or "").startswith("-"):
        word = rest.pop(0) or ""
        if word == "--":
            break
        if word in wrapper.flags:
            continue
        if word in wrapper.valued:
            if not rest:
                raise NotUnderstood
            rest.pop(0)
        elif not any(
            word.startswith(name + "=" if name.startswith("--") else name)
            for name in wrapper.valued
        ):
            raise NotUnderstood
    if rest and rest[0] is None:
        raise NotUnderstood
    return tuple(rest[wrapper.operands :])


def _after_assignments(words: Words) -> Words:
    rest = list(words)
    while rest and (found := _ASSIGNMENT.match(rest[0] or "")):
        _check_variable(found[1])
        rest.pop(0)
    return tuple(rest)


def _without_exec(words: Words, script: Script, depth: int) -> Iterator[Word]:
    """Yield the words of `find`, handing what it executes to `_unwrap`."""
    at = 0
    while at < len(words):
        if words[at] in {"-exec", "-execdir"}:
            end = next((i for i in range(at, len(words)) if words[i] in {";", "+"}), None)
            if end is None:
                raise NotUnderstood
            inner = tuple(None if word == "{}" else word for word in words[at + 1 : end])
            _unwrap(inner, script, depth + 1)
            at = end + 1
            continue
        yield words[at]
        at += 1
