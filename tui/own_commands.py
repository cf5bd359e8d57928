"""The user's own `/` commands, and the repository's: Markdown files that make a prompt.

`~/.config/wisp/commands/NAME.md` is the user's, `.wisp/commands/NAME.md` the repository's. A file
may begin with front matter that has a `description:`. `$ARGUMENTS` and `$1` to `$9` are replaced by
what follows the command; nothing is run. None may take the name of a built-in, nor a repository's
that of the user's own.
"""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.config import config_path
from agent.terminal import inert
from sandbox.workspace import PathError, Workspace
from tui.commands import ALIASES, COMMANDS, Command

FOLDER = ".wisp/commands"
LARGEST = 64 << 10  # bytes of one file
MOST = 200  # files of one folder
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_ABOUT = re.compile(r"^description:[ \t]*(.*)$", re.MULTILINE)
_PLACE = re.compile(r"\$(ARGUMENTS\b|[1-9](?!\d))")
_SHOWN = 60  # characters of what a file says of itself


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command from a file; `origin` is its path where the user did not write it."""

    name: str
    about: str
    body: str
    source: Literal["yours", "repository"]
    origin: str = ""

    @classmethod
    def of(
        cls, name: str, text: str, source: Literal["yours", "repository"], origin: str = ""
    ) -> OwnCommand:
        """Read a file; what it says of itself is its description, or else its first line."""
        text = text.replace("\r\n", "\n").removeprefix("\ufeff")
        front = _FRONT.match(text)
        body = (text[front.end() :] if front else text).strip()
        said = _ABOUT.search(front[1]) if front else None
        about = said[1].strip().strip("\"'") if said else body.partition("\n")[0].lstrip("# ")
        about = " ".join(inert(about).split())
        return cls(name, about[:_SHOWN], body, source, origin)

    def prompt(self, arguments: str) -> str:
        """Return the prompt it makes; arguments that it has no place for stand at the end."""
        words = _words(arguments)

        def replaced(found: re.Match[str]) -> str:
            if found[1] == "ARGUMENTS":
                return arguments
            number = int(found[1])
            return words[number - 1] if number <= len(words) else ""

        if arguments and not _PLACE.search(self.body):
            return f"{self.body}\n\n{arguments}"
        return _PLACE.sub(replaced, self.body)

    def command(self) -> Command:
        """Return it as the table has it: it asks with its prompt."""
        return Command(
            self.name,
            self.about,
            "[WORDS]",
            lambda actions, words: actions.ask(self.prompt(words), self.origin),
            self.source,
        )


def load(workspace: Workspace, folder: Path | None = None) -> dict[str, Command]:
    """Return the commands that files add to the table; what cannot be read is left out.

    `folder` is where the user's own lie, if not in their configuration.
    """
    found: dict[str, Command] = {}
    folder = folder or config_path().parent / "commands"
    for own in (*_users(folder), *_repositorys(workspace)):
        if own.name not in (COMMANDS.keys() | ALIASES.keys() | found.keys()) and own.body:
            found[own.name] = own.command()
    return found


def _users(folder: Path) -> Iterator[OwnCommand]:
    try:
        paths = sorted(folder.glob("*.md"))[:MOST]
    except OSError:
        return
    for path in paths:
        try:
            about = path.stat()
            # a pipe would hold us up for ever
            if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
                continue
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if _NAME.fullmatch(path.stem):
            yield OwnCommand.of(path.stem, text, "yours")


def _repositorys(workspace: Workspace) -> Iterator[OwnCommand]:
    for path in _markdown(workspace):
        try:
            view = workspace.read(path, LARGEST + 1)
            text = view.data.decode("utf-8")
        except (PathError, UnicodeDecodeError):
            continue
        if len(view.data) <= LARGEST:
            yield OwnCommand.of(path.rpartition("/")[2][:-3], text, "repository", path)


def _markdown(workspace: Workspace) -> Collection[str]:
    """Return the files of the repository that lie directly in the folder and are called right."""
    try:
        if workspace.kind(FOLDER) != "directory":
            return ()
        names = list(workspace.walk(FOLDER, ignored=True))
    except PathError:
        return ()
    fitting = re.compile(rf"{re.escape(FOLDER)}/{_NAME.pattern}\.md")
    return [name for name in names if fitting.fullmatch(name)][:MOST]


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:  # an open quote
        return arguments.split()
