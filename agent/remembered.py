"""What the user chose to remember, in their own folder: grants, trust, the slider, lessons.

Contained commands do not see this folder and file tools refuse it. A file that is broken, or that
others could have written, counts for nothing: it is reported, and whatever it said is asked again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import config_path
from agent.errors import UsageError, WispError
from agent.grants import Grant
from agent.policy import Autonomy
from agent.terminal import hidden

LESSONS, LONG = 30, 300  # for one workspace, and characters of one
LARGEST = 1 << 20  # bytes
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*grant[ \t]*\]\]", re.MULTILINE)
_KEYS = {"rule": str, "workspace": str, "examples": list, "refuses": list}


class Unusable(Exception):
    """A file of ours that counts for nothing; the message names it, and the line where known."""


def grants_path() -> Path:
    """Return where grants are kept."""
    return config_path().with_name("grants.toml")


def trust_path() -> Path:
    """Return where it is kept which settings of repositories are trusted."""
    return config_path().with_name("trusted.json")


def levels_path() -> Path:
    """Return where it is kept where the slider was left."""
    return config_path().with_name("levels.json")


# -- grants


def grants(root: Path) -> tuple[Grant, ...]:
    """Return the grants for a workspace. Raises Unusable; then none counts."""
    path = grants_path()
    data = _read(path)
    if data is None:
        return ()
    import tomllib

    try:
        text = data.decode()
        table = tomllib.loads(text)
    except ValueError as error:
        raise Unusable(f"{path} is not TOML: {error}") from error
    if strange := set(table) - {"grant"}:
        raise Unusable(f"{path} has only [[grant]] tables, not {min(strange)}")
    rows = table.get("grant", [])
    if not isinstance(rows, list):
        raise Unusable(f"{path}: grants stand below [[grant]], in two brackets")
    headers = [text.count("\n", 0, found.start()) + 1 for found in _HEADER.finditer(text)]
    found: list[Grant] = []
    for number, row in enumerate(rows):
        line = headers[number] if len(headers) == len(rows) else number + 1
        place = f"{path.name}, line {line}"
        try:
            grant, where = _grant(row, place)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise Unusable(f"{path}, line {line}: {reason}") from error
        except ValueError as error:
            raise Unusable(f"{path}, line {line}: {error}") from error
        if not where or Path(where) == root:
            found.append(grant)
    return tuple(found)


def _grant(row: Any, place: str) -> tuple[Grant, str]:
    """Return a grant and the workspace it is for, empty for all. Raises ValueError."""
    if not isinstance(row, dict):
        raise ValueError("grants stand below [[grant]]")
    for name, value in row.items():
        if name not in _KEYS:
            raise ValueError(f"no such key: {name}; there are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[name]):
            raise ValueError(f"{name} is a {'text' if _KEYS[name] is str else 'list of texts'}")
    if "rule" not in row:
        raise ValueError("rule is missing")
    where = row.get("workspace", "")
    if "workspace" in row and not Path(where).is_absolute():
        raise ValueError("workspace is an absolute path, or left out for every workspace")
    more = {name: row.get(name, []) for name in ("examples", "refuses")}
    if not all(isinstance(each, str) for texts in more.values() for each in texts):
        raise ValueError("examples and refuses are lists of texts")
    return Grant.of(row["rule"], **more, source=place), where


def remember(grant: Grant, root: Path) -> None:
    """Add a grant for one workspace to the file. Raises WispError, and then nothing is written."""
    with _changing(grants_path()) as path:
        if str(grant) in map(str, grants(root)):
            return
        old = (_read(path) or b"").decode()
        lines = ["[[grant]]", f"rule = {_toml(str(grant))}", f"workspace = {_toml(str(root))}"]
        if grant.tool == "shell":
            lines.append(f"examples = [{_toml(str(grant).partition(': ')[2])}]")
        joint = "" if not old else "\n" if old.endswith("\n") else "\n\n"
        _write(path, f"{old}{joint}" + "\n".join(lines) + "\n")


def _toml(text: str) -> str:
    """Return a text as TOML writes it; JSON's form is the same but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# -- trust


def trusted(root: Path, digest: str) -> bool:
    """Whether the user trusted settings of this very content, here. Raises Unusable."""
    return _trusted().get(str(root)) == digest


def trust(root: Path, digest: str) -> None:
    """Remember that this content of a repository's settings counts; an empty one forgets it.

    Raises WispError.
    """
    with _changing(trust_path()) as path:
        known = {where: kept for where, kept in _trusted().items() if where != str(root)}
        _write(path, json.dumps(known | ({str(root): digest} if digest else {}), indent=1) + "\n")


def _trusted() -> dict[str, str]:
    return _texts(trust_path())


def _texts(path: Path) -> dict[str, str]:
    """Return a file of texts by workspace. Raises Unusable."""
    known = _json(path)
    if not isinstance(known, dict) or not all(isinstance(each, str) for each in known.values()):
        raise Unusable(f"{path} is not what it was written as")
    return known


# -- the slider


def level(root: Path) -> Autonomy:
    """Return where the slider was left in a workspace; ASK where it never was, or nobody knows."""
    try:
        return Autonomy[_texts(levels_path())[str(root)]]
    except (Unusable, KeyError):
        return Autonomy.ASK


def keep_level(root: Path, where: Autonomy) -> None:
    """Remember where the slider was left in a workspace. Raises WispError."""
    with _changing(levels_path()) as path:
        known = _texts(path) | {str(root): where.name}
        _write(path, json.dumps(known, indent=1) + "\n")


# -- lessons


def lessons_path() -> Path:
    """Return where the lessons are kept that the user wants every session to know."""
    return config_path().with_name("lessons.json")


def lessons(root: Path) -> tuple[str, ...]:
    """Return the lessons for a workspace, in the order they were kept. Raises Unusable."""
    return tuple(_lessons().get(str(root), ()))


def keep_lesson(words: str, root: Path) -> str:
    """Keep a lesson for one workspace and return it as one line.

    Raises UsageError for one that could not be read as it stands, WispError where it cannot be
    written.
    """
    if found := hidden(words):
        count = sum(many for _, many in found)
        raise UsageError(f"not kept: it holds {count} hidden characters", "type it yourself")
    lesson = " ".join(words.split())
    if not lesson or len(lesson) > LONG:
        raise UsageError(
            f"not kept: a lesson has 1 to {LONG} characters, not {len(lesson):,}",
            "AGENTS.md takes what is longer",
        )
    with _changing(lessons_path()) as path:
        known = _lessons()
        mine = known.setdefault(str(root), [])
        if lesson not in mine and len(mine) >= LESSONS:
            raise UsageError(f"not kept: there are {LESSONS} lessons", "/lessons forget N")
        mine += [lesson] if lesson not in mine else []
        _write(path, json.dumps(known, indent=1) + "\n")
    return lesson


def forget_lesson(number: int, root: Path) -> str:
    """Take back the lesson of this number, counted from 1, and return it.

    Raises UsageError where there is none, WispError where it cannot be written.
    """
    with _changing(lessons_path()) as path:
        known = _lessons()
        mine = known.get(str(root), [])
        if not 0 < number <= len(mine):
            raise UsageError(f"there is no lesson {number}", "/lessons")
        lesson = mine.pop(number - 1)
        _write(path, json.dumps({k: v for k, v in known.items() if v}, indent=1) + "\n")
    return lesson


def _lessons() -> dict[str, list[str]]:
    path = lessons_path()
    known = _json(path)
    if not isinstance(known, dict):
        raise Unusable(f"{path} is not what it was written as")
    for each in known.values():
        fits = isinstance(each, list) and len(each) <= LESSONS
        # a line of the user's own hand is held to the same as one that was typed
        if not fits or not all(isinstance(text, str) and _is_lesson(text) for text in each):
            raise Unusable(f"{path}: lessons are up to {LESSONS} lines of {LONG} characters")
    return known


def _is_lesson(text: str) -> bool:
    return 0 < len(text) <= LONG and text == " ".join(text.split()) and not hidden(text)


# -- files


def _json(path: Path) -> Any:
    """Return what a file of JSON holds, an empty table where there is none. Raises Unusable."""
    try:
        return json.loads(_read(path) or b"{}")
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{path} is not JSON: {error}") from error


def _read(path: Path) -> bytes | None:
    """Return the bytes of a file of the user's own, None where there is none; raises Unusable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(f"cannot read {path}: not a file")
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            raise Unusable(f"others may write {path}: chmod 600 it, after a look at what it says")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unusable(f"{path} is over {LARGEST >> 20} MB")
    return data


def _write(path: Path, text: str) -> None:
    """Write beside and rename, for the user alone. Raises OSError, UnicodeEncodeError."""
    data = text.encode()
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()  # of a program that was killed
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[Path]:
    """Yield the file to be written, which no other program of ours changes meanwhile.

    Raises WispError, and then it is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield path.resolve()  # some keep theirs elsewhere, behind a link
        finally:
            os.close(folder)
    except Unusable as error:
        raise WispError(f"not remembered: {error}", f"mend or remove {path}") from error
    except OSError as error:
        raise WispError(f"cannot write {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise WispError(f"cannot write {path}: a name in it is not UTF-8") from error
