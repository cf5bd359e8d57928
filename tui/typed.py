"""What a line typed at the prompt is: a prompt, a command of ours, or a call of the shell."""

from __future__ import annotations

from typing import Literal

from agent.errors import UsageError
from tools.base import ToolCall
from tui.commands import is_command

Meant = Literal["prompt", "command", "shell"]
SHELL = "!"
_USAGE = "! [--network] [--git] [--path PATH] COMMAND"


def meant(text: str) -> Meant:
    """Say what a line is by how it begins."""
    if text.startswith(SHELL):
        return "shell"
    return "command" if is_command(text) else "prompt"


def shell_call(text: str, call_id: str) -> ToolCall:
    """Read `! COMMAND` as a call; what it needs beyond the sandbox is named in front of it.

    Raises UsageError where no command is left.
    """
    rest = text.removeprefix(SHELL).strip()
    asked: dict[str, object] = {}
    paths: list[str] = []
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        match word:
            case "--network" | "--git":
                asked[word[2:]] = True
            case "--path" if rest:
                path, _, rest = rest.partition(" ")
                paths.append(path)
            case _:
                raise UsageError(f"not understood before a command: {word}", _USAGE)
    if not rest:
        raise UsageError("a command is missing", _USAGE)
    if paths:
        asked["paths"] = paths
    return ToolCall(id=call_id, name="shell", arguments={"command": rest, **asked})
