"""How a command line begins and ends: its streams, which command it is, errors in a line, the code.

What stands above commands (`--help`, `--version`, a bare prompt) is answered here.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import agent.cli  # noqa: F401  # registers the commands
from agent import flags, no_plugins, terminal
from agent.errors import UsageError, WispError, ran_short


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _streams()
    sys.excepthook = _crashed
    code = _code(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
        _silence()
    sys.exit(code)


def _code(given: list[str]) -> int:
    """Do what was typed and return the exit code; what a user can cause is told in a line."""
    try:
        return _do(given)
    except SystemExit as ended:  # how argparse ends after `--help`
        return int(ended.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _silence()  # whoever read our output has gone; there is nobody left to tell
        return 1
    except WispError as error:
        _complain(error.message, error.hint)
        return error.exit_code
    except OSError as error:
        told = ran_short(error)
        if told is None:
            raise
        _complain(told.message, told.hint)
        _silence()
        return told.exit_code


def _do(given: list[str]) -> int:
    """Find the command that is meant and run it; what stands above commands is answered here."""
    names = [each.partition("=")[0] for each in given]
    if given and given[0].startswith("-") and not set(names).isdisjoint(flags.flags_of(["prompt"])):
        given = ["run", *given]  # only a prompt's flag says that it is meant
    path: flags.Words = ()
    while given and (*path, given[0]) in flags.GROUPS:
        path, given = (*path, given[0]), given[1:]
    first = given[0] if given else ""
    if (*path, first) in flags.COMMANDS:
        return _command((*path, first), given[1:])
    if first in flags.flags_of(["help"]):
        sys.stdout.write(flags.help_of(path))
        return 0
    if first in flags.flags_of(["version"]) and not path:
        from agent import __version__

        sys.stdout.write(f"wisp {__version__}\n")
        return 0
    if not path and _opens_the_screen(first):
        return _command((), given)
    raise _misread(path, first)


def _command(path: flags.Words, given: list[str]) -> int:
    typed = flags.parse(path, given)
    no_plugins.leave_out()
    return flags.COMMANDS[path][2](typed)


def _opens_the_screen(first: str) -> bool:
    """Whether a line that names no command is one for the screen: options of it, or a prompt."""
    if first.startswith("-") and first != "--":
        return first.partition("=")[0] in flags.flags_of(flags.COMMANDS[()][1])
    return not flags.near(first, flags.below(()))


def _misread(path: flags.Words, first: str) -> UsageError:
    """Return the error for a word that is neither a command nor an option of those above."""
    hint = " ".join(["agent", *path, "--help"])
    if first.startswith("-"):
        known = flags.flags_of(flags.GROUPS[path][1])
        return UsageError(flags.unknown("option", first.partition("=")[0], known), hint)
    names = flags.below(path)
    if flags.near(first, names) or (path and first):
        return UsageError(flags.unknown("command", first, names), hint)
    return UsageError("a command is missing", hint)


def _streams() -> None:
    """Give a meaning to streams that were closed, and to text that a terminal cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # the lowest free number, so it is theirs: no file of ours may become stdout
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    terminal.guard()


def _silence() -> None:
    """Let what is still buffered for stdout go nowhere when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _crashed(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Tell of a bug of ours as Python does, without the secrets of this user."""
    from traceback import format_exception

    sys.stderr.write(_unsecret("".join(format_exception(kind, error, trace))))


def _unsecret(text: str) -> str:
    from agent import secret_values
    from agent.redaction import Redaction

    return Redaction(secret_values.outside()).text(text)


def _complain(message: str, hint: str) -> None:
    from agent.lines import say

    say("error: " + _unsecret(message).replace("\n", " "))  # one line, also where a name has two
    if hint:
        say(f"hint: {_unsecret(hint)}")
