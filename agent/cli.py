"""The command line: the composition root. It reads flags and hands over; nothing else."""

from __future__ import annotations

import errno
import io
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.errors import UsageError, WispError

app = typer.Typer(
    name="agent",
    help="Wisp, a coding agent: proof by tests, approval by one table, small local models.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="The models on this machine and those that can be loaded.")
app.add_typer(models, name="models", rich_help_panel=None)

FORMATS = ("text", "json", "stream-json")
PIPE_PATIENCE = 2.0  # seconds that a pipe beside a prompt may take to its first byte
PROMPT_FLAGS = ("-p", "--prompt", "--print")

Model = Annotated[
    str | None, typer.Option("-m", "--model", help="Name, path to a GGUF, or script.")
]
Autonomy = Annotated[str | None, typer.Option(help="observe, ask, edit, run, full, or 0 to 4.")]
Effort = Annotated[int | None, typer.Option(help="0 to 4: how many attempts, how much checking.")]
Sandbox = Annotated[str | None, typer.Option(help="auto, full, reduced, or off.")]
Check = Annotated[str | None, typer.Option(metavar="CMD", help="The command that proves it.")]
Output = Annotated[str, typer.Option("--output-format", help="text, json, or stream-json.")]
Json = Annotated[bool, typer.Option("--json", help="Short for --output-format stream-json.")]
Steps = Annotated[int | None, typer.Option(help="Steps of the model in this turn.")]
Tokens = Annotated[int | None, typer.Option(help="Tokens read anew or written in this turn.")]
Seconds = Annotated[float | None, typer.Option("--max-wall-time", help="Seconds for this turn.")]
Cwd = Annotated[Path | None, typer.Option("-C", "--cwd", help="Work in this folder.")]
AddDir = Annotated[
    list[Path] | None, typer.Option(metavar="FOLDER", help="Another folder that may be edited.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Agree to a download; never an approval.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the samples.")]


@app.command(help="Repair a bug: reproduce it, repair it, prove it by the project's own tests.")
def fix(
    bug: Annotated[str, typer.Argument(help="What is wrong; `-` reads it from stdin.")] = "",
    model: Model = None,
    autonomy: Autonomy = None,
    effort: Effort = None,
    sandbox: Sandbox = None,
    check: Check = None,
    output_format: Output = "text",
    json: Json = False,
    max_tokens: Tokens = None,
    max_wall_time: Seconds = None,
    cwd: Cwd = None,
    yes: Yes = False,
    seed: Seed = None,
) -> None:
    """Repair a bug."""
    _start("fix", bug, locals())


@app.command(help="Run one prompt without a screen: for scripts and CI.")
def run(
    words: Annotated[str, typer.Argument(metavar="PROMPT", help="`-` reads it from stdin.")] = "",
    prompt: Annotated[str | None, typer.Option(*PROMPT_FLAGS, help="The prompt.")] = None,
    model: Model = None,
    autonomy: Autonomy = None,
    effort: Effort = None,
    sandbox: Sandbox = None,
    check: Check = None,
    output_format: Output = "text",
    json: Json = False,
    max_steps: Steps = None,
    max_tokens: Tokens = None,
    max_wall_time: Seconds = None,
    cwd: Cwd = None,
    add_dir: AddDir = None,
    yes: Yes = False,
    seed: Seed = None,
) -> None:
    """Run one prompt."""
    if prompt is not None and words:
        raise UsageError("the prompt was given twice", 'agent run -p "PROMPT"')
    _start("run", prompt if prompt is not None else words, locals())


@app.command(help="Take the last turn in this folder back; --redo takes the undo back.")
def undo(
    redo: Annotated[bool, typer.Option("--redo", help="Undo the last undo.")] = False,
    cwd: Cwd = None,
) -> None:
    """Take the last turn back."""
    from agent.commands import take_back

    _leave(take_back(_folder(cwd), redo))


@models.command("list", help="The models that can be named, and which are on this machine.")
def models_list() -> None:
    """List the catalogue."""
    from agent.commands import listing

    _leave(listing())


@models.command("pull", help="Load a model; a broken-off load goes on where it stopped.")
def models_pull(
    name: Annotated[str, typer.Argument(help="A name of `agent models list`.")] = "",
    yes: Yes = False,
) -> None:
    """Load a model."""
    import asyncio

    from agent.commands import pull

    asyncio.run(pull(name, yes=yes))


@models.command("info", help="What a model file says of itself.")
def models_info(name: Annotated[str, typer.Argument(help="A name, or a path to a GGUF.")]) -> None:
    """Show a model."""
    from agent.commands import info

    _leave(info(name))


@app.command(help="Every setting, its value, and where it came from.")
def config(cwd: Cwd = None) -> None:
    """Show the settings."""
    from agent import config as settings

    loaded = settings.load({}, _folder(cwd))
    for name, value in loaded.settings:
        shown = value.name.lower() if isinstance(value, IntEnum) else "" if value is None else value
        typer.echo(f"{name:14} {shown!s:24} {loaded.sources[name]}")
    for name in loaded.ignored:
        typer.echo(f"{name:14} left alone in .wisp/settings.toml, since it is not stricter")
    typer.echo(f"user settings: {settings.config_path()}")


@app.callback()
def _top(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.")] = False,
) -> None:
    """Stand before every command; the launcher has answered `--version` alone."""
    if version:
        from agent import __version__

        typer.echo(f"wisp {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _streams()
    code = _run(_arguments(sys.argv[1:]))
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
        _silence()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        if not arguments or not (arguments[0].startswith("-") or arguments[0] in _commands()):
            raise UsageError("there is no screen yet", 'agent run -p "PROMPT", or agent fix "BUG"')
        # without the standalone mode, `typer.Exit` comes back as a number
        return int(app(args=arguments, prog_name="agent", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        _silence()  # whoever read our output has gone; there is nobody left to tell
        return 1
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = " ".join(["agent", *(each for each in arguments[:1] if each in _commands())])
        _complain(_message(error), f"{context.command_path if context else command} --help")
        return UsageError.exit_code
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


def _arguments(given: list[str]) -> list[str]:
    """Return the arguments with `run` put in where only a prompt's flag says that it is meant."""
    names = [each.partition("=")[0] for each in given]
    if given and given[0].startswith("-") and not {*PROMPT_FLAGS}.isdisjoint(names):
        return ["run", *given]
    return given


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


def _commands() -> frozenset[str]:
    names = {
        each.name or (each.callback and each.callback.__name__) or ""
        for each in app.registered_commands
    }
    return frozenset(names | {each.name or "" for each in app.registered_groups})


def _message(error: Any) -> str:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return str(text).rstrip(".").strip().replace("\n", " ")


def _complain(message: str, hint: str) -> None:
    from agent.faces import say

    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)


def _folder(cwd: Path | None) -> Path:
    try:
        folder = (cwd or Path.cwd()).expanduser()
        if not folder.is_dir():
            raise UsageError(f"not a folder: {folder}")
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # a folder that was removed; a ~user who is unknown
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot use the folder {cwd or '.'}: {reason}", "-C FOLDER") from error


def _start(kind: Any, prompt: str, given: dict[str, Any]) -> None:
    from agent import config as settings
    from agent.headless import Job, execute, open_workspace

    form = "stream-json" if given["json"] else given["output_format"]
    if form not in FORMATS:
        raise UsageError(f"no such format: {form}", "--output-format text, json or stream-json")
    folder = _folder(given["cwd"])
    flags = {name: given.get(name) for name in settings.Settings.model_fields}
    workspace = open_workspace(folder)
    loaded = settings.load(flags, workspace.root, defaults={"autonomy": "run"})
    notes = [f"left alone in .wisp/settings.toml, not stricter: {each}" for each in loaded.ignored]
    job = Job(
        kind=kind,
        prompt=_prompt(kind, prompt),
        settings=loaded.settings,
        cwd=folder,
        output=form,  # type: ignore[arg-type]  # one of FORMATS, checked above
        add_dirs=tuple(each.resolve() for each in given.get("add_dir") or ()),
        yes=given["yes"],
        notes=tuple(notes),
    )
    _leave(execute(job))


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
