"""What can be typed: every option once, every command with those it takes, and the help.

argparse reads the words; its errors become one line each, and an option takes the word behind it
whatever that looks like, as with getopt.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

from agent.errors import UsageError

Words = tuple[str, ...]  # the words of a command, or of a group of commands
Act = Callable[[argparse.Namespace], int]


def _option(flags: str, value: str, about: str, **more: Any) -> tuple[tuple[str, ...], Any]:
    how = {"metavar": value} if value else {"action": "store_true"}
    return tuple(flags.split()), {**how, "help": about, **more}


# by the name of what is read: the flags, what their value is called, the help; a word that is
# known by its place has no flags
OPTIONS = {
    "bug": _option("", "BUG", "What is wrong; `-` reads it from stdin.", nargs="?", default=""),
    "words": _option("", "PROMPT", "`-` reads it from stdin.", nargs="?", default=""),
    "model_name": _option("", "NAME", "A name of `agent models list`.", nargs="?", default=""),
    "held_name": _option("", "NAME", "As `agent models ps` has it.", nargs="?", default=""),
    "query": _option("", "QUERY", "What it is about, in words or names.", nargs="?", default=""),
    "map_tokens": _option("--tokens", "N", "How long it may be.", type=int, dest="map_tokens"),
    "provider": _option("", "PROVIDER", "A provider of remote models, such as openai."),
    "model_file": _option(
        "", "NAME", "A name, a path to a GGUF, or provider/model of a server here."
    ),
    "prompt": _option("-p --prompt --print", "TEXT", "The prompt."),
    "model": _option("-m --model", "NAME", "Name, path to a GGUF, provider/model, or script."),
    "api_base": _option("--api-base", "URL", "Where a remote model is served."),
    "autonomy": _option("--autonomy", "LEVEL", "observe, ask, edit, run, full, or 0 to 4."),
    "effort": _option("--effort", "N", "0 to 4: how many attempts, how much thought.", type=int),
    "rungs": _option("--rungs", "KINDS", "Only of slip,edit,rewrite,vary,explain,refine,loop."),
    "explain_context": _option("--explain-context", "", "Tell what each part of a prompt costs."),
    "sandbox": _option("--sandbox", "KIND", "auto, full, reduced, or off."),
    "allow": _option("--allow", "RULE", "A call that needs no approval.", action="append"),
    "check": _option("--check", "CMD", "The command that proves it."),
    "output_format": _option("--output-format", "FORMAT", "text, json, or stream-json."),
    "json": _option("--json", "", "Print JSON; of a turn, each event as it comes."),
    "json_schema": _option("--json-schema", "SCHEMA", "Answer in this form: a file, or JSON."),
    "image": _option("-i --image", "FILE", "A picture for the prompt.", action="append"),
    "max_steps": _option("--max-steps", "N", "Steps of the model in this turn.", type=int),
    "max_tokens": _option("--max-tokens", "N", "Tokens read anew or written in all.", type=int),
    "max_cost": _option("--max-cost", "USD", "Dollars for this turn.", type=float),
    "escalate": _option("--escalate", "USD", "Let the strong model take over.", type=float),
    "max_wall_time": _option("--max-wall-time", "SECONDS", "Seconds for this turn.", type=float),
    "cwd": _option("-C --cwd", "FOLDER", "Work in this folder."),
    "add_dir": _option("--add-dir", "FOLDER", "Another that may be edited.", action="append"),
    "yes": _option("-y --yes", "", "Agree to a download, a removal; never an approval."),
    "seed": _option("--seed", "N", "Seed of the samples.", type=int),
    "at": _option("--at", "LEVEL", "The level to decide at; without it, the session's own."),
    "forget": _option("--forget", "", "Trust it no more."),
    "call": _option("", "CALL", "Such as 'shell: git push', or JSON.", nargs="?", default=""),
    "session": _option("", "SESSION", "An id, its beginning, a path, or last.", nargs="?"),
    "argv": _option("", "CMD", "The command, behind `--`.", nargs="+"),
    "network": _option("--network", "", "With the network of this machine."),
    "git": _option("--git", "", "With .git to be changed."),
    "path": _option("--path", "PATH", "Another that may be written.", action="append"),
    "proceed": _option("-c --continue", "", "Go on with the last session here.", dest="proceed"),
    "resume": _option("-r --resume", "SESSION", "Go on with this one: id, name, last."),
    "fork": _option("--fork", "", "Go on in a copy of that session."),
    "fork_at": _option("--from", "TURN.STEP", "Fork there; also a turn alone.", dest="fork_at"),
    "worktree": _option("-w --worktree", "", "Work in a git worktree of its own."),
    "which": _option("", "SESSION", "Its id or the beginning of it, its name, a path, or last."),
    "session_name": _option("", "NAME", "What to call it; nothing takes the name away.", nargs="?"),
    "every": _option("--all", "", "Of all folders, not of this one only.", dest="every"),
    "search": _option("--search", "WORDS", "Only those in which all these words were said."),
    "older": _option("--older", "DAYS", "Those last used more than so many days ago.", type=float),
    "keep": _option("--keep", "N", "Leave the N last used.", type=int),
    "to": _option("", "TURN.STEP", "Also a turn alone; from 1. Or `fork`: where this fork begins."),
    "of_session": _option("--session", "SESSION", "Of which; else the last.", dest="of_session"),
    "only_files": _option("--files", "", "Only the files go back.", dest="only_files"),
    "only_talk": _option("--talk", "", "Only the conversation.", dest="only_talk"),
    "preview": _option("--preview", "", "Say what would change, and change nothing."),
    "plain": _option("--plain", "", "Lines in place of a screen, for a screen reader."),
    "speed": _option("--speed", "N", "0.25 to 64 times as fast, or max: the end at once."),
    "idle": _option("--idle", "SECONDS", "Cut pauses to it; else 2, 0 cuts none.", type=float),
    "strict": _option("--strict", "", "Do it again over its log; say what differs today."),
    "theme": _option("--theme", "NAME", "auto, dark, light, contrast, or ansi."),
    "report": _option("--report", "FILE", "A report of it: html, md, json.", action="append"),
    "form": _option("--format", "FORMAT", "Which of these forms.", dest="form"),
    "out": _option("--out", "FILE", "Where to; `-` is stdout.", dest="out"),
    "redo": _option("--redo", "", "Undo the last undo."),
    "version": _option("-V --version", "", "Show the version."),
    "help": _option("-h --help", "", "Show this.", action="help"),
}
# what stands above commands: its help, and the options it takes itself
GROUPS: dict[Words, tuple[str, Words]] = {
    (): (
        "Wisp, a coding agent: proof by tests, approval by one table, small local models.",
        ("version", "help"),
    ),
    ("models",): ("The models on this machine and those that can be loaded.", ("help",)),
    ("policy",): ("What needs approval here, and why.", ("help",)),
    ("sandbox",): ("What holds commands here, and a try of it.", ("help",)),
    ("sessions",): ("The conversations so far.", ("help",)),
    ("keys",): ("The keys of remote models, and where each is kept.", ("help",)),
}
# each command: its help, the options it takes, and what does it, which returns the exit code
COMMANDS: dict[Words, tuple[str, Words, Act]] = {}


def command(words: str, about: str, takes: str = "") -> Callable[[Act], Act]:
    """Make a function the command of these words; `takes` names its OPTIONS."""

    def add(act: Act) -> Act:
        COMMANDS[tuple(words.split())] = about, (*takes.split(), "help"), act
        return act

    return add


class _Parser(argparse.ArgumentParser):
    """The parser of one command, whose errors and help are ours."""

    def __init__(self, path: Words) -> None:
        super().__init__(
            prog=" ".join(["agent", *path]),
            add_help=False,
            allow_abbrev=False,
            # it is made anew for each option, and would ask the terminal for its width each time
            formatter_class=partial(argparse.HelpFormatter, width=80),
        )
        self._path = path
        for name in COMMANDS[path][1]:
            flags, how = OPTIONS[name]
            self.add_argument(*(flags or [name]), **how)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, in place of a page of usage."""
        raise UsageError(message.removeprefix("argument "), f"{self.prog} --help")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # before Python 3.13 a value that is `--` is dropped, and a list comes in its place
        if action.option_strings and arg_strings == ["--"]:
            return self._get_value(action, "--")
        return super()._get_values(action, arg_strings)

    def format_help(self) -> str:
        """Return what `--help` shows."""
        return help_of(self._path)


def parse(path: Words, given: list[str]) -> argparse.Namespace:
    """Read the words behind a command. Raises UsageError; ends as argparse does after `--help`."""
    parser, takes = _Parser(path), COMMANDS[path][1]
    found, rest = parser.parse_known_args(_joined(given, takes))
    for word in rest:
        if word.startswith("-"):
            parser.error(unknown("option", word.partition("=")[0], flags_of(takes)))
        parser.error(f"one word too many: {word}")
    return found


def _joined(given: list[str], takes: Iterable[str]) -> list[str]:
    """Return the words with each option on its own, and joined to its value.

    argparse would refuse a value that begins with a dash, or take it for another option.
    """
    long = {
        flag: next(each for each in flags if each.startswith("--"))
        for flags, how in (OPTIONS[name] for name in takes)
        for flag in flags
        if "metavar" in how
    }
    plain = set(flags_of(takes)) - set(long)
    words, joined = iter(given), list[str]()
    for word in words:
        if word == "--":
            return [*joined, word, *words]
        while word[:2] in plain and word[2:]:  # -yp TEXT is -y -p TEXT
            joined, word = [*joined, word[:2]], f"-{word[2:]}"
        value = next(words, None) if word in long else None
        joined.append(word if value is None else f"{long[word]}={value}")
    return joined


def help_of(path: Words) -> str:
    """Return the help of a command, or of what stands above commands."""
    about, takes = GROUPS[path] if path in GROUPS else COMMANDS[path][:2]
    takes = (*COMMANDS[path][1], *takes) if path in GROUPS and path in COMMANDS else takes
    options = [option for name, option in OPTIONS.items() if name in takes]
    words = [how for flags, how in options if not flags]
    shown = [f"[{how['metavar']}]" if "nargs" in how else how["metavar"] for how in words]
    tables = {
        "Commands": below(path),
        "Arguments": {how["metavar"]: how["help"] for how in words},
        "Options": {_spelt(flags, how): how["help"] for flags, how in options if flags},
    }
    usage = ["Usage: agent", *path, *(["COMMAND"] if path in GROUPS else []), "[OPTIONS]", *shown]
    if path in GROUPS and path in COMMANDS:
        usage = ["Usage: agent [OPTIONS]", *shown, "or agent COMMAND"]
    lines = [" ".join(usage), "", about]
    for title, rows in tables.items():
        wide = max(map(len, rows), default=0)
        lines += ["", f"{title}:"] if rows else []
        lines += [f"  {left:{wide}}  {right}" for left, right in rows.items()]
    return "\n".join(lines) + "\n"


def _spelt(flags: tuple[str, ...], how: dict[str, Any]) -> str:
    return " ".join([", ".join(flags), how.get("metavar", "")]).rstrip()


def below(path: Words) -> dict[str, str]:
    """Return the commands and groups that stand directly below, each with its help."""
    every = COMMANDS | GROUPS
    return {words[-1]: told[0] for words, told in every.items() if words and words[:-1] == path}


def flags_of(takes: Iterable[str]) -> list[str]:
    """Return every spelling of these options."""
    return [flag for name in takes for flag in OPTIONS[name][0]]


def near(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or nothing; one letter is too little."""
    from difflib import get_close_matches

    # without the dashes, which make every option look like every other
    bare = {each.lstrip("-"): each for each in known}
    found = get_close_matches(word.lstrip("-"), [each for each in bare if each[1:]], 1)
    return bare[found[0]] if found else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """Return the message for a word that is not known, with the one that was probably meant."""
    meant = near(word, known)
    return f"no such {kind}: {word}" + (f"; did you mean {meant}" if meant else "")
