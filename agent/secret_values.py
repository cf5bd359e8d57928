"""Which values are known to be secret here: of the environment, the file of keys, `.env` files.

A name alone makes no secret: what is plainly a word, a number, a path or an example stays readable.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

from agent.errors import UsageError
from agent.models.providers import PROVIDERS, Key, KeyFor
from agent.redaction import Redaction
from agent.secret_forms import is_plain
from sandbox.environment import SECRET_NAME, SECRET_VALUE
from sandbox.workspace import PathError, Workspace

FOLDERS = 200  # of a workspace that are looked at for `.env` files
DEPTH = 2  # folders below the top
BYTES = 1 << 18  # of one such file
_CERTAIN = re.compile(r"KEY|TOKEN|SECRET|PASS", re.IGNORECASE)
_NAMES = re.compile(r"AUTHOR", re.IGNORECASE)  # of people
_FILE = re.compile(r"(?:\.env(?:\..+)?|.+\.env)\Z")
_SAMPLE = re.compile(r"example|sample|template|dist\Z|default|schema", re.IGNORECASE)
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*[=:]\s*(.*?)\s*$", re.MULTILINE)
_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/@]+)@|://([^\s/:@]+)@")


def outside(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the secrets of this user, each with what it is called; asks no keyring."""
    from agent import keys

    variables = {each for provider in PROVIDERS.values() for each in provider.variables}
    known = {environ[name]: name for name in variables if environ.get(name)}
    with contextlib.suppress(UsageError):  # whoever needs a key is told
        known |= {key: f"{provider} key" for provider, key in keys.in_file().items()}
    return known | _named(environ)


def within(workspace: Workspace) -> dict[str, str]:
    """Return the secrets in the `.env` files near the top of a workspace."""
    known: dict[str, str] = {}
    for path in workspace.near_top(DEPTH, FOLDERS):
        if not _wanted(path.rpartition("/")[2]):
            continue
        try:
            data = workspace.read(path, BYTES).data
        except PathError:
            continue
        text = data.decode("utf-8", "replace")
        known |= _named({found[1]: _bare(found[2]) for found in _LINE.finditer(text)})
    return known


def telling(redaction: Redaction) -> KeyFor:
    """Return `keys.key_for`, which tells the redaction of each key that is read."""

    def key_for(provider: str) -> Key | None:
        from agent import keys

        key = keys.key_for(provider)
        if key is not None:
            redaction.learn({key.text: f"{provider} key"})
        return key

    return key_for


def _wanted(name: str) -> bool:
    return bool(_FILE.match(name)) and not _SAMPLE.search(name)


def _named(values: Mapping[str, str]) -> dict[str, str]:
    """Return those of some variables whose values are secrets, by value."""
    known: dict[str, str] = {}
    for name, value in values.items():
        if SECRET_NAME.search(name) and not _NAMES.search(name) and _is_secret(name, value):
            known[value] = name
        if SECRET_VALUE.search(value):
            for found in _PASSWORD.finditer(value):
                secret = found[1] or found[2]
                known |= {each: name for each in (secret, unquote(secret)) if not is_plain(each)}
    return known


def _is_secret(name: str, value: str) -> bool:
    if is_plain(value):
        return False
    # what a session or an author is called has such a name too
    return bool(_CERTAIN.search(name)) or bool(
        re.search(r"\d", value) and re.search(r"[A-Za-z]", value) and not re.search(r"[\s,]", value)
    )


def _bare(value: str) -> str:
    """Return a value without its quotes, or the comment behind it."""
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].strip()
