"""The commands: the composition root. Each reads its flags and hands over; nothing else.

A command imports what it needs itself, so that no other command waits for that.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from agent.errors import UsageError
from agent.flags import command

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from agent.sessions import Kept
    from agent.standing import Standing
    from sandbox.workspace import Workspace

TURN = (
    "model api_base autonomy effort sandbox check output_format json max_tokens max_cost "
    "escalate max_wall_time report allow cwd yes seed"
)
LISTED = "every search json cwd"
SCREEN = (
    "words plain theme proceed resume fork fork_at worktree image max_steps add_dir model api_base"
    " autonomy effort sandbox check max_tokens max_cost escalate max_wall_time allow cwd yes seed"
)


@command("", "A conversation in this folder, on the screen.", SCREEN)
def _screen(given: Namespace) -> int:
    from agent import job

    if not sys.stdin.isatty():  # a pipe alone is the prompt
        return _start("run", given.words or "-", given)
    if not sys.stdout.isatty():
        raise UsageError("the screen needs a terminal", 'agent run -p "PROMPT"')
    work = job.read("run", given.words, _folder(given.cwd), given, screen=True)
    if given.plain:
        from tui.plain import talk

        return talk(work)
    from tui.app import show

    return show(work)


@command(
    "fix",
    "Repair a bug, and prove it by the project's own tests.",
    f"bug rungs explain_context max_steps worktree {TURN}",
)
def _fix(given: Namespace) -> int:
    return _start("fix", given.bug, given)


@command(
    "run",
    "One prompt without a screen: for scripts, CI.",
    f"words prompt proceed resume fork fork_at worktree image json_schema max_steps add_dir {TURN}",
)
def _run(given: Namespace) -> int:
    if given.prompt is not None and given.words:
        raise UsageError("the prompt was given twice", 'agent run -p "PROMPT"')
    return _start("run", given.words if given.prompt is None else given.prompt, given)


@command("map", "What of this repository belongs to a task.", "query map_tokens json cwd")
def _map(given: Namespace) -> int:
    from agent.map_commands import show

    if given.map_tokens is not None and given.map_tokens < 1:
        raise UsageError("--tokens is a number from 1", "agent map --tokens 1000")
    return show(_folder(given.cwd), given.query, given.map_tokens, given.json)


@command("undo", "Take the last turn in this folder back; --redo takes that back.", "redo cwd")
def _undo(given: Namespace) -> int:
    from agent.undo_commands import take_back

    return take_back(_folder(given.cwd), given.redo)


@command(
    "rewind",
    "Go back to before a turn or a step.",
    "to of_session only_files only_talk preview cwd",
)
def _rewind(given: Namespace) -> int:
    from agent.undo_commands import go_back

    return go_back(
        _folder(given.cwd),
        given.to,
        given.of_session or "last",
        files=not given.only_talk,
        talk=not given.only_files,
        preview=given.preview,
    )


@command("sessions list", "The sessions of this folder, the last used first.", LISTED)
def _sessions_list(given: Namespace) -> int:
    from agent.keeping import listing

    return listing(_root(given), given.search or "", given.json)


@command("sessions show", "What was said and done in one.", "which json cwd")
def _sessions_show(given: Namespace) -> int:
    from agent.keeping import show

    return show(given.which, _root(given), given.json)


@command(
    "sessions replay",
    "Show one again as it went, or go on live from a step of it.",
    "session speed idle fork_at strict check plain theme model cwd",
)
def _sessions_replay(given: Namespace) -> int:
    from agent.sessions import find

    word = given.session or "last"
    at_a_path = "/" in word or word.endswith(".jsonl")
    found = find(word, None if at_a_path else _root(given))
    if given.strict:
        from agent.replay_commands import strict

        return strict(found.path, _folder(given.cwd), given.check or "")
    if given.check:
        raise UsageError("--check goes with --strict", "agent sessions replay --strict --check CMD")
    from tui.player import play

    code, at = 0, given.fork_at
    if at is None:
        code, at = play(found.path, given.speed, given.idle, given.theme, given.plain)
    return _live(given, found, at) if at else code


@command(
    "sessions report", "Tell one to others, as html, markdown, or json.", "session form out cwd"
)
def _sessions_report(given: Namespace) -> int:
    from agent.report_commands import report

    folder = _folder(given.cwd)
    return report(given.session or "last", _root(given), folder, given.form, given.out)


@command(
    "sessions export",
    "One as a script, as trajectories, or events.",
    "session form out yes cwd",
)
def _sessions_export(given: Namespace) -> int:
    from agent.export_commands import export

    folder, form = _folder(given.cwd), given.form or "script"
    return export(given.session or "last", _root(given), folder, form, given.out, given.yes)


@command("sessions name", "Give one a name by which it is found.", "which session_name cwd")
def _sessions_name(given: Namespace) -> int:
    from agent.keeping import call

    return call(given.which, given.session_name or "", _root(given))


@command("sessions prune", "Remove old ones; it asks first.", "older keep every yes cwd")
def _sessions_prune(given: Namespace) -> int:
    from agent.keeping import prune

    return prune(_root(given), given.older, given.keep, given.yes)


@command("config", "Every setting, its value, and where it came from.", "cwd")
def _config(given: Namespace) -> int:
    from agent import config as settings
    from agent.footing import open_workspace
    from agent.lines import out

    loaded = settings.load({}, open_workspace(_folder(given.cwd)).root)
    for name, value in loaded.settings:
        shown = value.name.lower() if isinstance(value, IntEnum) else "" if value is None else value
        out(f"{name:15} {shown!s:24} {loaded.sources[name]}")
    for name in loaded.ignored:
        out(f"{name:15} left alone in .wisp/settings.toml, since it is not stricter")
    for name, value in loaded.untrusted.items():
        out(f"{name:15} {value!s:24} in .wisp/settings.toml, not trusted; agent trust")
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


@command("models ps", "The local models that are held in memory for all sessions.", "json")
def _models_ps(given: Namespace) -> int:
    from agent.host_commands import listing

    return listing(given.json)


@command("models stop", "End the process that holds a model; without a name, all.", "held_name")
def _models_stop(given: Namespace) -> int:
    from agent.host_commands import end

    return end(given.held_name)


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


@command("trust", "Let what the repository's settings run count, as it is now.", "forget cwd")
def _trust(given: Namespace) -> int:
    from agent.footing import open_workspace
    from agent.policy_commands import trust

    return trust(open_workspace(_folder(given.cwd)).root, given.forget)


ASKED = "autonomy sandbox allow cwd"


def _stands(given: Namespace) -> tuple[Workspace, Standing]:
    """Return the workspace and what stands in it, as for a turn."""
    from agent.footing import open_workspace
    from agent.standing import standing

    workspace = open_workspace(_folder(given.cwd))
    typed = {"autonomy": given.autonomy, "sandbox": given.sandbox}
    defaults = {"autonomy": "run"}
    return workspace, standing(workspace.root, typed, given.allow or (), defaults=defaults)


@command("policy show", "The table, the containment, and the grants that count here.", ASKED)
def _policy_show(given: Namespace) -> int:
    from agent.policy_commands import show

    return show(*_stands(given))


@command("policy explain", "What a call would do, and who decides it how.", f"call {ASKED}")
def _policy_explain(given: Namespace) -> int:
    from agent.policy_commands import explain

    return explain(*_stands(given), text=given.call)


@command("policy replay", "What another level would have decided in a session.", "session at cwd")
def _policy_replay(given: Namespace) -> int:
    from agent.policy_commands import replayed

    return replayed(_folder(given.cwd), given.session or "last", given.at or "")


@command("sandbox status", "What holds here, why not more, and what to type.", "sandbox json cwd")
def _sandbox_status(given: Namespace) -> int:
    from agent.commands import sandbox_status

    return sandbox_status(_folder(given.cwd), _mode(given), given.json)


@command(
    "sandbox run", "Run a command as the model's would be.", "argv network git path sandbox cwd"
)
def _sandbox_run(given: Namespace) -> int:
    import asyncio

    from agent.commands import to_stdout
    from agent.footing import open_workspace
    from agent.holding import run_held

    folder = _folder(given.cwd)
    workspace = open_workspace(folder)
    held = run_held(
        workspace,
        given.argv,
        to_stdout(),
        cwd=folder,
        mode=_mode(given),
        network=given.network,
        git=given.git,
        paths=given.path or (),
    )
    return asyncio.run(held)


@command("doctor", "What is installed, what holds, what to type to improve it.", "json cwd")
def _doctor(given: Namespace) -> int:
    from agent.commands import examined

    return examined(_folder(given.cwd), given.json)


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
    from agent.footing import open_workspace

    return None if getattr(given, "every", False) else open_workspace(_folder(given.cwd)).root


def _live(given: Namespace, session: Kept, at: str) -> int:
    """Go on in a fork of a session up to a turn or a step, as `agent -r` does."""
    from agent.flags import parse
    from agent.log import read
    from agent.resumption import end

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = f'agent run -r {session.id} --fork --from {at} -p "PROMPT"'
        raise UsageError("to go on live needs a terminal", hint)
    end(read(session.path), session, at)  # what is not there is said before a screen opens
    words = ["--resume", str(session.path), "--fork", "--from", at]
    for flag, value in (("--model", given.model), ("--theme", given.theme), ("--cwd", given.cwd)):
        words += [flag, value] if value is not None else []
    return _screen(parse((), [*words, "--plain"] if given.plain else words))


def _mode(given: Namespace) -> Any:
    """Return which sandbox was asked for, by the flag or else by the user's settings."""
    from agent import config as settings

    return settings.load({"sandbox": given.sandbox}, None).settings.sandbox


def _start(kind: Literal["run", "fix"], prompt: str, given: Namespace) -> int:
    from agent import job
    from agent.headless import execute

    return execute(job.read(kind, prompt, _folder(given.cwd), given))
