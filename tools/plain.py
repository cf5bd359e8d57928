"""Which commands are plain, and what the beginning of one covers: what a grant is read against.

Strict: what is not plainly one of these is not covered, and a person is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tools.base import Effect
from tools.commands import effects_of_words, git_verb, verb_of
from tools.programs import INTERPRETERS, PROGRAMS, RUNNERS, SHELLS, WRAPPERS
from tools.script import NotUnderstood, literal, program_of, read_script, tree_of

if TYPE_CHECKING:
    from tree_sitter import Node

Plain = tuple[str, ...]

_JOINTS = frozenset({"&&", "||", ";", "|"})


def plain_words(command: str) -> Plain | None:
    """Return the words of one plain command, or None when it is anything else.

    Plain is: no pipe, list, substitution, expansion, redirection, assignment or second line, and a
    program that does not run another one (`env`, `xargs`, `find -exec`, `bash -c` do). Globs are
    taken as they stand.
    """
    try:
        root = tree_of(command.strip())
        if "\n" in command.strip() or len(root.children) != 1 or root.children[0].type != "command":
            return None
        words = _words(root.children[0])
        if read_script(command).commands != [words]:
            return None
    except NotUnderstood:
        return None
    return words


def plain_commands(command: str) -> tuple[Plain, ...]:
    """Return the plain commands that `&&`, `||`, `;` and `|` join; none when it is anything else.

    Of redirections only those to `/dev/null` and between descriptors are plain.
    """
    text = command.strip()
    if "\n" in text:
        return ()
    try:
        found = tuple(_words(node) for node in _joined(tree_of(text)))
        script = read_script(text)
    except NotUnderstood:
        return ()
    # whatever runs another program, or in another way, reads differently in here
    same = script.commands == list(found) and not script.sources
    return found if same and set(script.targets) <= {"/dev/null"} else ()


def _joined(node: Node) -> Iterator[Node]:
    if node.type == "command":
        yield node
    elif node.type in {"program", "list", "pipeline"}:
        for child in node.children:
            if child.is_named:
                yield from _joined(child)
            elif child.type not in _JOINTS:
                raise NotUnderstood
    elif node.type == "redirected_statement":
        for child in node.children:
            if child.type != "file_redirect":
                yield from _joined(child)
    else:
        raise NotUnderstood


def _words(node: Node) -> Plain:
    """Return the words of a command; raises NotUnderstood where one is not to be known."""
    words = [literal(child) for child in node.children]
    if not words or None in words or node.children[0].type != "command_name":
        raise NotUnderstood
    return tuple(word for word in words if word is not None)


def unfit(words: Sequence[str]) -> str:
    """Return why these words are no beginning that a grant can have, or an empty string."""
    name = _program(words)
    if name in RUNNERS or name in WRAPPERS or name in SHELLS:
        return f"{name} runs whatever comes behind it; name that program itself"
    if _interprets(name) and all(word.startswith("-") for word in words[1:]):
        return f"{name} runs any program; name which, such as `{name} scripts/build.x`"
    return ""


def covered(words: Plain, beginning: Plain, effects: frozenset[Effect]) -> bool:
    """Whether a plain command begins so, and the words behind do no more than the beginning.

    More is what is neither among `effects` nor in the beginning itself. One that has not come to
    its verb, such as `git`, says nothing itself.
    """
    if words[: len(beginning)] != beginning or unfit(words):
        return False
    try:
        own = frozenset() if _unfinished(beginning) else effects_of_words(beginning)
        return effects_of_words(words) <= own | effects | {Effect.READ}
    except NotUnderstood:
        return False


def _unfinished(words: Sequence[str]) -> bool:
    name = _program(words)
    if name == "git":
        return git_verb(tuple(words))[0] == ""
    if name in ("sed", "tar"):
        return all(word.startswith("-") for word in words[1:])
    program = PROGRAMS.get(name)
    return bool(program and program.verbs and verb_of(tuple(words[1:]))[0] == "")


def _interprets(name: str) -> bool:
    return re.sub(r"[\d.]+$", "", name) in INTERPRETERS


def _program(words: Sequence[str]) -> str:
    try:
        return program_of(words[0]) if words else ""
    except NotUnderstood:
        return ""
