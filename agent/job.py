"""A job: what one command line asked for, read from its words, its flags and stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent import config as settings
from agent import faces
from agent.approval import person_is_there
from agent.config import Settings
from agent.errors import UsageError
from agent.events import Notice
from agent.footing import open_workspace
from agent.grants import Grant
from agent.messages import Image
from agent.policy import Autonomy
from agent.remembered import level
from agent.standing import standing

if TYPE_CHECKING:
    from argparse import Namespace

    from agent.config import Config
    from agent.form import Form
    from agent.resumption import Resume

FORMATS = ("text", "json", "stream-json")
PIPE_PATIENCE = 2.0  # seconds that a pipe beside a prompt may take to its first byte
PROMPT_BYTES = 10 << 20  # more is no prompt
STDIN = "<stdin>"


@dataclass(frozen=True, slots=True)
class Job:
    """What one command line asked for."""

    kind: Literal["run", "fix"]
    prompt: str
    settings: Settings
    cwd: Path
    output: faces.Format = "text"
    add_dirs: tuple[Path, ...] = ()
    yes: bool = False
    escalation_accepted: bool = False  # by the flag, for this command line
    notices: tuple[Notice, ...] = ()
    grants: tuple[Grant, ...] = ()
    check_of_repository: bool = False  # it was trusted, and still runs only where it is contained
    origin: str = ""  # of a part of the prompt that the user did not write
    images: tuple[Image, ...] = ()
    form: Form | None = None  # in which the final answer is asked for
    resume: Resume | None = None  # the session that goes on
    worktree: bool = False  # made for this, and worked in
    reports: tuple[Path, ...] = ()  # where one of the session is put at the end


def read(
    kind: Literal["run", "fix"],
    prompt: str,
    folder: Path,
    given: Namespace,
    *,
    screen: bool = False,
) -> Job:
    """Return what was typed as a job; raises UsageError, and reads stdin where it is the prompt.

    For a `screen` there need be no prompt, and the slider stands where the user left it here.
    """
    form: Any = getattr(given, "output_format", None) or "text"
    form = "stream-json" if getattr(given, "json", False) else form
    if form not in FORMATS:
        raise UsageError(f"no such format: {form}", "--output-format text, json or stream-json")
    typed = {name: getattr(given, name, None) for name in settings.Settings.model_fields}
    workspace = open_workspace(folder)
    stands = standing(
        workspace.root,
        typed,
        given.allow or (),
        defaults={"autonomy": level(workspace.root) if screen else Autonomy.RUN},
        ask=form == "text" and person_is_there(),
    )
    loaded = stands.config
    accepted = given.escalate is not None
    if accepted and not loaded.settings.strong:
        where = settings.config_path()
        hint = f'in {where}: [models] strong = "provider/model"'
        raise UsageError("--escalate is for a strong model, and none is set", hint)
    words, origin = (prompt, "") if screen else _prompt(kind, prompt)
    return Job(
        kind=kind,
        prompt=words,
        origin=origin,
        settings=loaded.for_work(kind),
        escalation_accepted=accepted,
        cwd=folder,
        output=form,
        add_dirs=tuple(Path(each).resolve() for each in getattr(given, "add_dir", None) or ()),
        yes=given.yes,
        notices=stands.notices,
        grants=stands.grants,
        check_of_repository=loaded.sources["check"] == "repository",
        images=_images(getattr(given, "image", None) or ()),
        form=_form(getattr(given, "json_schema", None)),
        resume=_resume(given, loaded) if kind == "run" else None,
        worktree=given.worktree,
        reports=_reports(getattr(given, "report", None) or ()),
    )


def _resume(given: Namespace, loaded: Config) -> Resume | None:
    if given.resume is not None and given.proceed:
        raise UsageError("--continue and --resume are two sessions", "one of them")
    word = "last" if given.proceed else given.resume
    if word is None:
        if given.fork or given.fork_at:
            raise UsageError("--fork is of a session", "agent run -r SESSION --fork")
        return None
    from agent.resumption import Resume

    said = (name for name, source in loaded.sources.items() if source in ("flag", "environment"))
    return Resume(word, given.fork, given.fork_at or "", frozenset(said))


def _images(paths: Sequence[str]) -> tuple[Image, ...]:
    if not paths:
        return ()
    from agent.images import load

    return load(paths)


def _reports(names: Sequence[str]) -> tuple[Path, ...]:
    """Return where reports go; what cannot be written is said before the work."""
    if not names:
        return ()
    from agent.report.writing import form_at, place, ready

    places = tuple(place(name, Path.cwd()) for name in names)
    for each in places:
        form_at(each)
        ready(each)
    return places


def _form(schema: str | None) -> Form | None:
    if schema is None:
        return None
    from agent.form import Form  # brings jsonschema

    return Form.load(schema)


def _prompt(kind: str, words: str) -> tuple[str, str]:
    """Return the prompt: the words, what is piped in, or both. Raises UsageError for none.

    With both, `<stdin>` too: what is piped in beside a prompt is its matter, not its author.
    """
    piped = ""
    if words == "-" or (not sys.stdin.isatty() and _readable(words)):
        data = sys.stdin.buffer.read(PROMPT_BYTES + 1)
        if len(data) > PROMPT_BYTES:
            raise UsageError(f"the prompt is over {PROMPT_BYTES >> 20} MB", "name files instead")
        piped = data.decode("utf-8", errors="replace")
    words = words.encode("utf-8", errors="replace").decode() if words != "-" else ""
    if words and piped.strip():
        return f"{words}\n\n{STDIN}\n{piped.strip()}\n</stdin>", STDIN
    prompt = words or piped.strip()
    if not prompt.strip() and kind == "run":
        raise UsageError("the prompt is empty", 'agent run -p "PROMPT"')
    return prompt, ""


def _readable(words: str) -> bool:
    """Whether stdin is something to read: a pipe or a file, never a pipe that is only held open."""
    import select
    import stat

    from agent.lines import say

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
