"""The command line: the composition root. It reads flags and hands over; nothing else.

A command imports what it needs itself, so that no other command waits for that.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from agent import flags, no_plugins
from agent.errors import UsageError, WispError
from agent.flags import command

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from pathlib import Path

    from agent.config import Config
    from agent.form import Form
    from agent.messages import Image
    from agent.resumption import Resume

FORMATS = ("text", "json", "stream-json")
PIPE_PATIENCE = 2.0  # seconds that a pipe beside a prompt may take to its first byte
TURN = (
    "model api_base autonomy effort sandbox check output_format json max_tokens max_cost "
    "escalate max_wall_time cwd yes seed"
)
LISTED = "every search json cwd"


@command("fix", "Repair a bug, and prove it by the project's own tests.", f"bug worktree {TURN}")
def _fix(given: Namespace) -> int:
    return _start("fix", given.bug, given)


@command(
    "run",
    "One prompt without a screen: for scripts, CI.",
    f"words prompt proceed resume fork at worktree image json_schema max_steps add_dir {TURN}",
)
def _run(given: Namespace) -> int:
    if given.prompt is not None and given.words:
        raise UsageError("the prompt was given twice", 'agent run -p "PROMPT"')
    return _start("run", given.words if given.prompt is None else given.prompt, given)


@command("undo", "Take the last turn in this folder back; --redo takes that back.", "redo cwd")
def _undo(given: Namespace) -> int:
    from agent.commands import take_back

    return take_back(_folder(given.cwd), given.redo)


@command("sessions list", "The sessions of this folder, the last used first.", LISTED)
def _sessions_list(given: Namespace) -> int:
    from agent.keeping import listing

    return listing(_root(given), given.search or "", given.json)


@command("sessions show", "What was said and done in one.", "session json cwd")
def _sessions_show(given: Namespace) -> int:
    from agent.keeping import show

    return show(given.session, _root(given), given.json)


@command("sessions name", "Give one a name by which it is found.", "session session_name cwd")
def _sessions_name(given: Namespace) -> int:
    from agent.keeping import call

    return call(given.session, given.session_name or "", _root(given))


@command("sessions prune", "Remove old ones; it asks first.", "older keep every yes cwd")
def _sessions_prune(given: Namespace) -> int:
    from agent.keeping import prune

    return prune(_root(given), given.older, given.keep, given.yes)


@command("config", "Every setting, its value, and where it came from.", "cwd")
def _config(given: Namespace) -> int:
    from agent import config as settings
    from agent.commands import out

    loaded = settings.load({}, _folder(given.cwd))
    for name, value in loaded.settings:
        shown = value.name.lower() if isinstance(value, IntEnum) else "" if value is None else value
        out(f"{name:15} {shown!s:24} {loaded.sources[name]}")
    for name in loaded.ignored:
        out(f"{name:15} left alone in .wisp/settings.toml, since it is not stricter")
    out(f"user settings: {settings.config_path()}")
    return 0


@command("models list", "The models that can be named, and which are on this machine.")
def _models_list(given: Namespace) -> int:
    from agent.commands import listing

    return listing()


@command("models pull", "Load a model, or what is left of it to load.", "model_name yes")
def _models_pull(given: Namespace) -> int:
    import asyncio

    from agent.commands import pull

    asyncio.run(pull(given.model_name, yes=given.yes))
    return 0


@command(
    "models info", "What a model file, or a model's server, says of it.", "model_file api_base"
)
def _models_info(given: Namespace) -> int:
    from agent import config as settings
    from agent.commands import info

    base = settings.load({"api_base": given.api_base}, None).settings.api_base
    return info(given.model_file, base)


@command("keys set", "Keep a key; it is asked for, or read from stdin.", "provider")
def _keys_set(given: Namespace) -> int:
    from agent.commands import keep_key

    return keep_key(given.provider)


@command("keys list", "Which providers have a key, and from where; never the key.")
def _keys_list(given: Namespace) -> int:
    from agent.commands import key_listing

    return key_listing()


@command("keys remove", "Forget a key wherever it is kept.", "provider")
def _keys_remove(given: Namespace) -> int:
    from agent.commands import forget_key

    return forget_key(given.provider)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _streams()
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
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" {error.filename}" if error.filename else ""
        _complain(f"cannot write{where}: {error.strerror}", "free some space, then again")
        _silence()
        return 1


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
        path = (*path, first)
        typed = flags.parse(path, given[1:])
        no_plugins.leave_out()
        return flags.COMMANDS[path][2](typed)
    if first in flags.flags_of(["help"]):
        sys.stdout.write(flags.help_of(path))
        return 0
    if first in flags.flags_of(["version"]) and not path:
        from agent import __version__

        sys.stdout.write(f"wisp {__version__}\n")
        return 0
    raise _misread(path, first)


def _misread(path: flags.Words, first: str) -> UsageError:
    """Return the error for a word that is neither a command nor an option of those above."""
    hint = " ".join(["agent", *path, "--help"])
    if first.startswith("-"):
        known = flags.flags_of(flags.GROUPS[path][1])
        return UsageError(flags.unknown("option", first.partition("=")[0], known), hint)
    names = flags.below(path)
    if flags.near(first, names) or (path and first):
        return UsageError(flags.unknown("command", first, names), hint)
    if path:
        return UsageError("a command is missing", hint)
    return UsageError("there is no screen yet", 'agent run -p "PROMPT", or agent fix "BUG"')


def _streams() -> None:
    """Give a meaning to streams that were closed, and to text that a terminal cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # the lowest free number, so it is theirs: no file of ours may become stdout
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence() -> None:
    """Let what is still buffered for stdout go nowhere when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, hint: str) -> None:
    from agent.faces import say

    say("error: " + message.replace("\n", " "))  # one line, also where a file's name has two
    if hint:
        say(f"hint: {hint}")


def _folder(cwd: str | None) -> Path:
    from pathlib import Path

    try:
        folder = Path.cwd() if cwd is None else Path(cwd).expanduser()
        if not folder.is_dir():
            raise UsageError(f"not a folder: {folder}")
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # a folder that was removed; a ~user who is unknown
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot use the folder {cwd or '.'}: {reason}", "-C FOLDER") from error


def _root(given: Namespace) -> Path | None:
    """Return the workspace whose sessions are meant; None for all."""
    from agent.headless import open_workspace

    return None if getattr(given, "every", False) else open_workspace(_folder(given.cwd)).root


def _start(kind: Literal["run", "fix"], prompt: str, given: Namespace) -> int:
    from pathlib import Path

    from agent import config as settings
    from agent.headless import Job, execute, open_workspace

    form: Any = "stream-json" if given.json else given.output_format or "text"
    if form not in FORMATS:
        raise UsageError(f"no such format: {form}", "--output-format text, json or stream-json")
    folder = _folder(given.cwd)
    typed = {name: getattr(given, name, None) for name in settings.Settings.model_fields}
    workspace = open_workspace(folder)
    loaded = settings.load(typed, workspace.root, defaults={"autonomy": "run"})
    notes = [f"left alone in .wisp/settings.toml, not stricter: {each}" for each in loaded.ignored]
    accepted = given.escalate is not None
    if accepted and not loaded.settings.strong:
        where = settings.config_path()
        hint = f'in {where}: [models] strong = "provider/model"'
        raise UsageError("--escalate is for a strong model, and none is set", hint)
    job = Job(
        kind=kind,
        prompt=_prompt(kind, prompt),
        settings=loaded.for_work(kind),
        escalation_accepted=accepted,
        cwd=folder,
        output=form,
        add_dirs=tuple(Path(each).resolve() for each in getattr(given, "add_dir", None) or ()),
        yes=given.yes,
        notes=tuple(notes),
        images=_images(getattr(given, "image", None) or ()),
        form=_form(getattr(given, "json_schema", None)),
        resume=_resume(given, loaded) if kind == "run" else None,
        worktree=getattr(given, "worktree", False),
    )
    return execute(job)


def _resume(given: Namespace, loaded: Config) -> Resume | None:
    if given.resume is not None and given.proceed:
        raise UsageError("--continue and --resume are two sessions", "one of them")
    word = "last" if given.proceed else given.resume
    if word is None:
        if given.fork or given.at:
            raise UsageError("--fork is of a session", "agent run -r SESSION --fork")
        return None
    from agent.resumption import Resume

    said = (name for name, source in loaded.sources.items() if source in ("flag", "environment"))
    return Resume(word, given.fork, given.at or "", frozenset(said))


def _images(paths: Sequence[str]) -> tuple[Image, ...]:
    if not paths:
        return ()
    from agent.images import load

    return load(paths)


def _form(schema: str | None) -> Form | None:
    if schema is None:
        return None
    from agent.form import Form  # brings jsonschema

    return Form.load(schema)


def _prompt(kind: str, words: str) -> str:
    """Return the prompt: the words, what is piped in, or both. Raises UsageError for none."""
    from agent.headless import PROMPT_BYTES

    piped = ""
    if words == "-" or (not sys.stdin.isatty() and _readable(words)):
        data = sys.stdin.buffer.read(PROMPT_BYTES + 1)
        if len(data) > PROMPT_BYTES:
            raise UsageError(f"the prompt is over {PROMPT_BYTES >> 20} MB", "name files instead")
        piped = data.decode("utf-8", errors="replace")
    words = words.encode("utf-8", errors="replace").decode() if words != "-" else ""
    if words and piped.strip():
        return f"{words}\n\n<stdin>\n{piped.strip()}\n</stdin>"
    prompt = words or piped.strip()
    if not prompt.strip() and kind == "run":
        raise UsageError("the prompt is empty", 'agent run -p "PROMPT"')
    return prompt


def _readable(words: str) -> bool:
    """Whether stdin is something to read: a pipe or a file, never a pipe that is only held open."""
    import select
    import stat

    from agent.faces import say

    mode = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISREG(mode):
        return True
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    # without words the pipe is the prompt, and is waited for; with words, a pipe that another
    # program merely holds open must not hold us up
    if not words or select.select([sys.stdin], [], [], PIPE_PATIENCE)[0]:
        return True
    say(f"note: nothing came from stdin in {PIPE_PATIENCE:g} s, so it was left alone")
    return False
