"""What a shell command would do, read from its text, for where no sandbox contains it.

A real parse, command by command. It is a convenience for the person who is asked, never the
boundary: whatever is not understood counts as the worst it could be.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

from sandbox.protected import PROTECTED_ANYWHERE, PROTECTED_AT_TOP
from tools.base import Effect
from tools.programs import (
    DESTROY,
    EDIT,
    EXECUTE,
    GIT_LISTINGS,
    GIT_READS,
    GIT_VERBS,
    GIT_WORSE,
    MODULES,
    PROGRAMS,
    READ,
    WORST,
    WRAPPERS,
    Program,
)
from tools.script import Glob, NotUnderstood, Word, Words, program_of, read_script

# of `sed`, scripts that only select, print and substitute
_SED = re.compile(
    r"(\d+|\$|/[^/]*/)?(,(\d+|\$|/[^/]*/))?!?"
    r"([pdq=]|s([/|#,])(?:(?!\5).)*\5(?:(?!\5).)*\5[gpiI\d]*)"
)

_NAMES = (*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP)
_PROTECTED = re.compile(
    rf"\.git(?![\w-])|(?<![\w.])({'|'.join(map(re.escape, _NAMES))})(?![\w-])", re.IGNORECASE
)


def _is_option(word: Word, options: Sequence[str]) -> bool:
    """Whether the word may be one of these options, abbreviated or in a cluster."""
    if word is None:
        return True
    if isinstance(word, Glob) and word[0] in "*?[":
        return True  # it may match a file that is named like an option
    if not word.startswith("-") or word == "-":
        return False
    given = word.partition("=")[0]
    if word.startswith("--"):
        return len(given) > 2 and any(option.startswith(given) for option in options)
    short = {option[1] for option in options if len(option) == 2}
    return given in options or bool(short & set(given[1:]))


def _outside(word: Word) -> bool:
    """Whether a word may name a path outside the workspace."""
    if word is None:
        return True
    value = word.partition("=")[2] if word.startswith("-") and "=" in word else word
    value = re.sub(r"^-[A-Za-z](?=[/~.])", "", value)
    if value in {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"}:
        return False
    return value.startswith(("/", "~")) or ".." in value.split("/") or "://" in value


def verb_of(words: Words) -> tuple[Word, Words]:
    """Return the first word that is no option, and all others."""
    for at, word in enumerate(words):
        if word is None or not word.startswith(("-", "+")):
            return word, words[:at] + words[at + 1 :]
    return "", words


def git_verb(words: Words) -> tuple[Word, Words]:
    """Return the verb of a git command, and the words around it."""
    rest = words[1:]
    while rest[:1] == ("-C",):
        rest = rest[2:]
    return verb_of(rest)


def _git(words: Words) -> frozenset[Effect]:
    verb, others = git_verb(words)
    if verb is None or any(_is_option(word, GIT_WORSE) for word in others):
        return WORST
    if verb == "clone" and any(word is not None and word.startswith("-u") for word in others):
        return WORST  # it names the program that answers
    effects = GIT_VERBS.get(verb, WORST)
    listing = GIT_LISTINGS.get(verb)
    if listing is not None and all(word in listing for word in others):
        effects = READ | EXECUTE
    return effects | _paths(words[1:])


def _python(words: Words) -> frozenset[Effect]:
    if words[1:] in {("--version",), ("-V",), ("-VV",)}:
        return READ
    rest = words[1:]
    while rest and rest[0] in {"-I", "-B", "-s", "-E", "-u"}:
        rest = rest[1:]
    if len(rest) >= 2 and rest[0] == "-m" and rest[1] is not None:
        return MODULES.get(rest[1], WORST) | _paths(rest[2:])
    return WORST


def _sed(words: Words) -> frozenset[Effect]:
    options = [word for word in words[1:] if word is None or word.startswith("-")]
    operands = [word for word in words[1:] if word is not None and not word.startswith("-")]
    if any(option not in {"-n", "-E", "-r", "-u", "-i"} for option in options) or not operands:
        return WORST
    if not all(_SED.fullmatch(part.strip()) for part in operands[0].split(";")):
        return WORST
    return (EDIT if "-i" in options else READ) | _paths(operands[1:])


def _make(words: Words) -> frozenset[Effect]:
    # a variable may hold `$(shell …)`, or be the compiler
    if any(word is None or "=" in word for word in words[1:] if not (word or "").startswith("-")):
        return WORST
    return _table("make", words)


def _tar(words: Words) -> frozenset[Effect]:
    """Know the forms that list, pack and unpack, their letters first, and no other option."""
    letters = (words[1] or "?").removeprefix("-") if len(words) > 1 else "?"
    plain = letters and set(letters) <= set("ctxzjJavf") and not letters.endswith("-")
    if not plain or any(word is None or word.startswith("-") for word in words[2:]):
        return WORST
    return (READ if set(letters) & set("t") else EDIT) | _paths(words[2:])


def _paths(words: Sequence[Word]) -> frozenset[Effect]:
    return frozenset({Effect.OUTSIDE} if any(_outside(word) for word in words) else ())


def _table(name: str, words: Words) -> frozenset[Effect]:
    program: Program | None = PROGRAMS.get(name)
    if program is None:
        return WORST
    if program.worse and any(_is_option(word, program.worse) for word in words[1:]):
        return WORST
    if program.operands is not None:
        operands = [word for word in words[1:] if word is None or not word.startswith("-")]
        if len(operands) > program.operands or None in operands:
            return WORST
    found = program.effects
    if program.verbs:
        verb = verb_of(words[1:])[0]
        if words[1:] in {("--version",), ("-V",), ("--help",)}:
            return READ
        found = WORST if verb is None else program.verbs.get(verb, program.effects)
    return found | (_paths(words[1:]) if program.paths else frozenset())


def effects_of_words(words: Words) -> frozenset[Effect]:
    """Return what one plain command does."""
    name = program_of(words[0])
    if name == "git":
        return _git(words)
    if re.fullmatch(r"python(3(\.\d+)?)?", name):
        return _python(words)
    if name == "sed":
        return _sed(words)
    if name == "make" or name == "gmake":
        return _make(words)
    if name == "tar":
        return _tar(words)
    if name == "node":
        return EXECUTE | _paths(words[2:]) if words[1:2] == ("--test",) else WORST
    if name in WRAPPERS:
        return READ if len(words) == 1 else WORST  # `env` alone
    found = _table(name, words)
    if name == "find" and "-delete" in words:
        found |= DESTROY
    return found


def parts_of(command: str) -> list[tuple[str, frozenset[Effect]]]:
    """Return what the command runs, reads and writes, each with what it would do uncontained.

    One entry that is the worst it could be where the command is not understood.
    """
    try:
        script = read_script(command)
        found = [(_shown(words), effects_of_words(words)) for words in script.commands]
    except NotUnderstood:
        return [("not understood", WORST)]
    if script.adds:
        found.append(("as another user", script.adds))
    for sign, places in ((">", script.targets), ("<", script.sources)):
        for word in places:
            effects = _paths((word,))
            if word is not None and word.startswith(("/dev/tcp", "/dev/udp")):
                effects |= {Effect.NETWORK, Effect.EXECUTE}
            if sign == ">" and word not in {"/dev/null", "/dev/stdout", "/dev/stderr"}:
                effects |= EDIT
            if effects:
                found.append((f"{sign} {_shown((word,))}", effects))
    return found


def _shown(words: Words) -> str:
    return " ".join("…" if word is None else word for word in words)


def effects_of(command: str) -> frozenset[Effect]:
    """Return everything that the command would do if nothing contained it."""
    parts = parts_of(command)
    if [effects for _, effects in parts] == [WORST] and parts[0][0] == "not understood":
        return WORST
    return frozenset({Effect.READ}).union(*(effects for _, effects in parts))


def names_protected(command: str) -> bool:
    """Whether the text names what is protected in a workspace, or has a glob that may match it."""
    if _PROTECTED.search(command):
        return True
    try:
        script = read_script(command)
    except NotUnderstood:
        return False  # the worst it could be as it is
    words = (word for words in (*script.commands, tuple(script.targets)) for word in words)
    return any(word is not None and _globs_protected(word) for word in words)


def _may_be_git(word: Word) -> bool:
    """Whether a word may stand for `.git`, or for a folder that holds it."""
    if word is None or word in {".", "./", "{}"} or _outside(word):
        return True
    return word.rstrip("/").rpartition("/")[2] in {".", ".."} or _globs_protected(word)


def touches_protected(command: str) -> bool:
    """Whether the command may change `.git` or what else is protected, where no sandbox holds that.

    True for verbs of git that do more than read, any mention of a protected name, and whatever is
    not understood.
    """
    if names_protected(command):
        return True
    try:
        script = read_script(command)
        for words in script.commands:
            effects = effects_of_words(words)
            name = program_of(words[0])
            if name == "git":
                if Effect.DESTROY in effects or Effect.EDIT in effects:
                    return True
                verb = git_verb(words)[0]
                if verb not in GIT_READS and verb not in GIT_LISTINGS:
                    return True
            elif effects >= WORST:
                return True
            changes = effects & {Effect.EDIT, Effect.DESTROY}
            if changes and any(_may_be_git(word) for word in words[1:]):
                return True
    except NotUnderstood:
        return True
    return any(word is None for word in script.targets)


def _globs_protected(word: str) -> bool:
    return isinstance(word, Glob) and any(
        part.startswith(".") and fnmatch.fnmatchcase(name, part)
        for part in word.split("/")
        for name in _NAMES
    )
