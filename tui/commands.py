"""The table of `/` commands: what each is called, says of itself, takes, and does.

It knows of no screen: the plain mode for screen readers reads the same table.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.policy import Autonomy
from tui.looks import NAMES

Act = Awaitable[None] | None


class Actions(Protocol):
    """What commands do; each face has its own way. A word that was not given is empty."""

    def model(self, word: str) -> Act:
        """Choose the model, or show which there are."""

    def effort(self, word: str) -> Act:
        """Turn the effort knob."""

    def autonomy(self, word: str) -> Act:
        """Move the slider."""

    def plan(self) -> Act:
        """Look only, and make a plan."""

    def policy(self, word: str) -> Act:
        """Show the table and what was allowed."""

    def trust(self) -> Act:
        """Trust the settings of the repository."""

    def init(self, words: str) -> Act:
        """Have the project's instructions drafted, or improved where there are some."""

    def fix(self, words: str) -> Act:
        """Repair what fails, proved by the checks."""

    def check(self, command: str) -> Act:
        """Prove what was changed by the check, from now on by this one if it is named."""

    def compact(self, words: str) -> Act:
        """Sum up the conversation to make room, above all keeping what the words say."""

    def review(self) -> Act:
        """Go through what was changed by hunk."""

    def diff(self) -> Act:
        """Show what was changed."""

    def undo(self) -> Act:
        """Take the last turn back."""

    def redo(self) -> Act:
        """Do again what was taken back."""

    def rewind(self, word: str) -> Act:
        """Go back to an earlier turn."""

    def sessions(self, word: str) -> Act:
        """Show the sessions, or open one."""

    def name(self, word: str) -> Act:
        """Give the session a name, or take it away."""

    def remember(self, words: str) -> Act:
        """Keep a lesson for this repository."""

    def lessons(self, words: str) -> Act:
        """List the lessons that were kept, or take one back."""

    def export(self, word: str) -> Act:
        """Put a report of the session into a file."""

    def clear(self) -> Act:
        """Begin a new session."""

    def cost(self) -> Act:
        """Say what the session has used."""

    def copy(self) -> Act:
        """Put the last answer on the clipboard."""

    def theme(self, word: str) -> Act:
        """Choose the colours."""

    def doctor(self) -> Act:
        """Say what works on this machine."""

    def keys(self) -> Act:
        """Say which providers of models have a key."""

    def help(self) -> Act:
        """Show the commands and the keys."""

    def quit(self) -> Act:
        """End the program."""

    def ask(self, prompt: str, origin: str) -> Act:
        """Send a prompt; `origin` is where it comes from if the user did not write it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `takes` names what may follow, in brackets where it may be left out.

    `act` does it, with that word. `source` says whose it is where it is not one of ours. `words`
    returns words that it takes, where those are known.
    """

    name: str
    about: str
    takes: str
    act: Callable[[Actions, str], Act]
    source: str = ""
    words: Callable[[], Sequence[str]] = tuple

    @property
    def needs(self) -> bool:
        """Whether it does nothing without a word."""
        return bool(self.takes) and not self.takes.startswith("[")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Text that is no command as it stands, and what is said of that."""

    message: str
    near: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message


def _bare(act: Callable[[Actions], Act]) -> Callable[[Actions, str], Act]:
    return lambda actions, _: act(actions)


def _models() -> Sequence[str]:
    from agent.models.catalog import CATALOG

    return [entry.name for entry in CATALOG]


_TABLE = (
    Command("model", "choose the model", "[NAME]", lambda do, word: do.model(word), words=_models),
    Command(
        "effort",
        "how hard to try, 0 to 4",
        "[LEVEL]",
        lambda do, word: do.effort(word),
        words=lambda: "01234",
    ),
    Command(
        "autonomy",
        "move the slider",
        "[LEVEL]",
        lambda do, word: do.autonomy(word),
        words=lambda: [level.name.lower() for level in Autonomy],
    ),
    Command("plan", "look only, and make a plan", "", _bare(lambda do: do.plan())),
    Command(
        "policy", "what is allowed, asked and denied", "[WORD]", lambda do, word: do.policy(word)
    ),
    Command("trust", "trust this repository's settings", "", _bare(lambda do: do.trust())),
    Command("init", "draft or improve AGENTS.md", "[WORDS]", lambda do, word: do.init(word)),
    Command("fix", "repair what fails, proved by tests", "[WORDS]", lambda do, word: do.fix(word)),
    Command(
        "check", "prove the changes, or set the check", "[COMMAND]", lambda do, word: do.check(word)
    ),
    Command("compact", "sum up the conversation", "[WORDS]", lambda do, word: do.compact(word)),
    Command("review", "go through the changes by hunk", "", _bare(lambda do: do.review())),
    Command("diff", "show what was changed", "", _bare(lambda do: do.diff())),
    Command("undo", "take the last turn back", "", _bare(lambda do: do.undo())),
    Command("redo", "do it again", "", _bare(lambda do: do.redo())),
    Command("rewind", "go back to an earlier turn", "[TURN]", lambda do, word: do.rewind(word)),
    Command("sessions", "open another session", "[NAME]", lambda do, word: do.sessions(word)),
    Command("name", "name this session", "[NAME]", lambda do, word: do.name(word)),
    Command(
        "remember", "keep a lesson for this repository", "WORDS", lambda do, word: do.remember(word)
    ),
    Command(
        "lessons", "the lessons that were kept", "[forget N]", lambda do, word: do.lessons(word)
    ),
    Command("export", "report this session in a file", "[FILE]", lambda do, word: do.export(word)),
    Command("clear", "begin a new session", "", _bare(lambda do: do.clear())),
    Command("cost", "tokens, money, bytes sent", "", _bare(lambda do: do.cost())),
    Command("copy", "copy the last answer", "", _bare(lambda do: do.copy())),
    Command(
        "theme",
        "choose the colours",
        "[NAME]",
        lambda do, word: do.theme(word),
        words=lambda: list(NAMES),
    ),
    Command("doctor", "what works on this machine", "", _bare(lambda do: do.doctor())),
    Command("keys", "say which providers have a key", "", _bare(lambda do: do.keys())),
    Command("help", "commands and keys", "", _bare(lambda do: do.help())),
    Command("quit", "leave; the session is kept", "", _bare(lambda do: do.quit())),
)

COMMANDS: dict[str, Command] = {command.name: command for command in _TABLE}
ALIASES = {"exit": "quit", "q": "quit", "?": "help", "new": "clear", "resume": "sessions"}

_SHAPE = re.compile(r"/([\w?][\w-]*)?(?=\s|$)")
_NEAR = 2  # names that a typo may have meant


def is_command(text: str) -> bool:
    """Whether text is meant as a command: `/` and one word, which a path is not."""
    return text.startswith("/") and _SHAPE.match(text) is not None


def parse(text: str, table: Mapping[str, Command] = COMMANDS) -> tuple[Command, str] | Unknown:
    """Read a command and the word it takes; what is wrong with it comes back as Unknown."""
    found = _SHAPE.match(text)
    if found is None:
        return Unknown(f"not a command: {text.split(maxsplit=1)[0] if text.strip() else text}")
    name = found[1] or ""
    word = text[found.end() :].strip()
    command = table.get(name) or table.get(ALIASES.get(name, ""))
    if command is None:
        near = _near(name, table)
        hint = f"; did you mean {' or '.join(f'/{each}' for each in near)}" if near else ""
        return Unknown(f"no such command: /{name}{hint}", near)
    if word and not command.takes:
        return Unknown(f"/{command.name} takes nothing more: {word.splitlines()[0]}")
    if command.needs and not word:
        return Unknown(f"/{command.name} needs a word: /{command.name} {command.takes}")
    return command, word


def _near(name: str, table: Mapping[str, Command]) -> tuple[str, ...]:
    from difflib import get_close_matches

    begun = [each for each in table if name and each.startswith(name)]
    return tuple(begun[:_NEAR] or get_close_matches(name, table, n=_NEAR, cutoff=0.6))
