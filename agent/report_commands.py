"""The command about reports, and what every face does to make one."""

from __future__ import annotations

from pathlib import Path

from agent.errors import UsageError
from agent.lines import out, say
from agent.redaction import Redaction
from agent.report.drawing import Form, drawn
from agent.report.writing import form_at, place, write

_FORMS: dict[str, Form] = {"html": "html", "markdown": "markdown", "md": "markdown", "json": "json"}


def report(word: str, root: Path | None, folder: Path, form: str | None, to: str | None) -> int:
    """Make the report of one session: into a file, or to stdout where no person would read it."""
    from agent import secret_values
    from agent.sessions import find

    if form is not None and form not in _FORMS:
        raise UsageError(f"no such format: {form}", "--format html, markdown or json")
    found = find(word, root)
    chosen = _FORMS.get(form or "")
    redaction = Redaction(secret_values.outside())
    if to == "-" or (to is None and chosen not in (None, "html")):
        out(_text(found.path, chosen or "html", redaction).removesuffix("\n"))
        return 0
    path = place(to or name_for(found.path), Path.cwd() if to else folder)
    made(found.path, path, redaction, chosen)
    say(f"the report is in {path}")
    return 0


def name_for(log: Path) -> str:
    """Return what the report of a session is called where nobody said."""
    return f"wisp-report-{log.stem}.html"


def made(log: Path, path: Path, redaction: Redaction, form: Form | None = None) -> None:
    """Write the report of a log, in the form that its name asks for. Raises WispError."""
    write(path, _text(log, form or form_at(path), redaction))


def _text(log: Path, form: Form, redaction: Redaction) -> str:
    from agent.log import read

    return drawn(read(log), form, redaction)
