"""Which models can be chosen: what is here, what can be loaded, what is served, and who has a key.

No name is looked up elsewhere than on this machine, and litellm is not imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from agent.errors import ModelUnusable, UsageError
from agent.models import catalog
from agent.models.choose import SCRIPTED, is_remote
from agent.models.providers import PROVIDERS, from_environment, provider_of
from agent.models.servers import Served, Server, home
from tui.cards.lines import one_line
from tui.words import size

ASKED = "window and price are asked when chosen"
NO_KEY = "no key of a provider was found: agent keys set PROVIDER"


@dataclass(frozen=True, slots=True)
class Choice:
    """One model; `to` is who is sent what is read, and empty where nothing leaves this machine.

    With `begins` the name is only the beginning of one.
    """

    name: str
    about: str
    api_base: str = ""
    title: str = ""  # where that is not the name
    to: str = ""
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Models under one heading; `note` is said in place of them, or after them."""

    title: str
    choices: tuple[Choice, ...] = ()
    note: str = ""


def here() -> list[Group]:
    """Return what needs no question: the files on this machine, and those to be loaded."""
    folder = catalog.folder()
    there: list[Choice] = []
    absent: list[Choice] = []
    for entry in catalog.CATALOG:
        weight = f"{'about ' if entry.about else ''}{size(entry.bytes)}"
        present = catalog.present(entry, folder)
        (there if present else absent).append(Choice(entry.name, f"{weight}, {entry.note}"))
    there += _others(folder)
    none = "" if there else "none yet"
    groups = [Group("on this machine", tuple(there), none)]
    return [*groups, Group("to load", tuple(absent))] if absent else groups


def _others(folder: Path) -> list[Choice]:
    """Return the files that the user put there."""
    known = {entry.file for entry in catalog.CATALOG}
    found = []
    for path in sorted(folder.glob("*.gguf")) if folder.is_dir() else []:
        if path.name not in known and path.is_file():
            about = f"{size(path.stat().st_size)}, a file of your own"
            found.append(Choice(str(path), about, title=path.name))
    return found


def served(servers: list[Server]) -> list[Group]:
    """Return what servers on this machine have."""
    groups = []
    for server in servers:
        version = f" {one_line(server.version)}" if server.version else ""
        title = f"{server.title}{version} at {server.root}"
        groups.append(Group(title, tuple(_served(server, each) for each in server.models)))
    if not groups:
        return [Group("servers on this machine", note="none answers: ollama serve starts one")]
    return groups


def _served(server: Server, model: Served) -> Choice:
    name, _, base = server.typed(model).partition(" --api-base ")
    most = f"at most {model.trained:,} tokens" if model.trained else ""
    window = f"{model.window:,} tokens" if model.window else most or "window not said"
    if model.window and model.trained and model.trained > model.window:
        window += f" ({most})"
    state = "" if model.loaded else ", not loaded"
    return Choice(name, window + state, base, to=_passed_on(server.kind, model.name))


def _passed_on(provider: str, model: str) -> str:
    """Return who gets what is sent to a server on this machine, or nothing."""
    away = PROVIDERS[provider].name == "ollama" if provider else False
    return "ollama.com, by way of Ollama" if away and model.endswith(("-cloud", ":cloud")) else ""


def keys_found(environ: Mapping[str, str] = os.environ) -> tuple[dict[str, str], str]:
    """Return where the key of each provider was found, and why not all were looked for, or nothing.

    A keyring may take its time, and may ask the user to unlock it: it is asked no more once it has
    failed.
    """
    from agent import keys

    places, trouble = {}, ""
    for name in sorted({each.name for each in PROVIDERS.values() if not each.base}):
        try:
            key = from_environment(name, environ)
            if key is None and not trouble:
                key = keys.key_for(name)
            elif key is None and name in keys.in_file():
                places[name] = str(keys.file_path())
        except UsageError as error:
            trouble = error.message
            continue
        if key is not None:
            places[name] = key.source
    return places, trouble


def remote(places: Mapping[str, str], trouble: str) -> Group:
    """Return the providers whose key was found."""
    found = [
        Choice(f"{name}/", f"key from {source}; {ASKED}", to=name, begins=True)
        for name, source in places.items()
    ]
    return Group("elsewhere", tuple(found), trouble or ("" if found else NO_KEY))


def typed(text: str, places: Mapping[str, str] | None = None) -> Choice:
    """Return the model that a text names; raises ModelUnusable.

    `places` are the keys that were found, where that is known yet.
    """
    if text.startswith(SCRIPTED):
        return Choice(text, "a script")
    if not is_remote(text):
        found = catalog.resolve(text)
        weight = "" if found.present or found.entry is None else size(found.entry.bytes)
        return Choice(text, f"{weight} to load" if weight else "on this machine")
    provider = provider_of(text)
    assert provider is not None, "it names one"
    if provider.base:
        to = _passed_on(provider.name, text)
        return Choice(text, f"at {home(provider.name)}", to=to)
    if places is not None and provider.name not in places:
        hint = f"agent keys set {provider.name}"
        raise ModelUnusable(f"no key of {provider.name} was found", hint)
    return Choice(text, ASKED, to=provider.name)


def check(choice: Choice) -> None:
    """Raise ModelUnusable where it is known already that a model cannot be used."""
    if is_remote(choice.name) and find_spec("litellm") is None:
        raise ModelUnusable("remote models need litellm", "uv tool install 'wisp-agent[remote]'")
