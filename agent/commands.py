"""The small commands: what they print, and nothing more."""

from __future__ import annotations

import asyncio
import codecs
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ModelUnusable, UsageError
from agent.lines import out, say
from agent.terminal import draw

if TYPE_CHECKING:
    from sandbox.detect import Mode


def listing() -> int:
    """Print the catalogue, what is on this machine, and what servers on it offer."""
    from agent.models import catalog, servers

    folder = catalog.folder()
    for entry in catalog.CATALOG:
        here = "here" if catalog.present(entry, folder) else "-"
        default = "default" if entry is catalog.DEFAULT else ""
        size = f"{'about ' if entry.about else ''}{entry.bytes / 1e9:.1f} GB"
        out(f"{entry.name:20} {size:>12}  {here:5} {default:8} {entry.note}".rstrip())
    own = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    known = {entry.file for entry in catalog.CATALOG}
    for file in own:
        if file.name not in known:
            out(f"{file}  {file.stat().st_size / 1e9:.1f} GB")
    for server in asyncio.run(servers.find()):
        out(f"{server.title} at {server.root}:")
        for model in server.models:
            state = "" if model.loaded else ", not loaded"
            out(f"  {server.typed(model)}  {_window(model.window, model.trained)}{state}")
    return 0


def _window(window: int | None, trained: int | None) -> str:
    """Return the window of a model that is served, in words."""
    most = f"at most {trained:,} tokens" if trained else ""
    if window is None:
        return most or "window not said"
    return f"{window:,} tokens" + (f" ({most})" if trained and trained > window else "")


async def pull(name: str, yes: bool) -> None:
    """Load a model of the catalogue with progress on stderr, after asking unless `yes`.

    Raises ModelUnusable for an unknown name, and when the user says no.
    """
    from agent.models import catalog, download

    entry = catalog.find(name) if name else catalog.DEFAULT
    if entry is None:
        catalog.resolve(name)  # says which names are near
        raise ModelUnusable(f"{name} is a file, there is nothing to load", "agent models list")
    if catalog.present(entry, catalog.folder()):
        say(f"{entry.name} is here: {catalog.folder() / entry.file}")
        return
    left = download.left(entry)
    size = f"{left / 1e9:.1f} GB"
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ModelUnusable(
                f"{entry.name} is {size} to load", f"agent models pull {entry.name} --yes"
            )
        sys.stderr.write(f"load {entry.name}, {size}, into {catalog.folder()}? [y/N] ")
        sys.stderr.flush()
        answer = (await asyncio.to_thread(sys.stdin.readline)).strip().lower()
        if answer not in ("y", "yes"):
            raise ModelUnusable(f"{entry.name} was not loaded", "agent models list")
    progress = _Progress(entry.name)
    path = await download.pull(entry, progress=progress)
    progress.end()
    say(f"{entry.name} is here, its sum verified: {path}")


class _Progress:
    """A bar on a terminal, a line for each tenth elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tenth = -1
        self._live = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        tenth = done * 10 // total if total else 0
        words = f"{self._name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self._live:
            draw(sys.stderr, f"\r{words} ")
        elif tenth != self._tenth:
            say(words)
        self._tenth = tenth

    def end(self) -> None:
        """Leave the bar's line."""
        if self._live and self._tenth >= 0:
            sys.stderr.write("\n")


def info(name: str, api_base: str = "") -> int:
    """Print what a model file says of itself, or what its server says of it."""
    from agent.models import catalog, gguf
    from agent.models.choose import is_remote

    if is_remote(name):
        return asyncio.run(_served(name, api_base))
    found = catalog.resolve(name)
    if not found.present:
        raise ModelUnusable(f"the model {found.name} is not on this machine", found.hint)
    try:
        told = gguf.info(found.path)
    except ModelUnusable as error:
        hint = error.hint or found.hint or "agent models list"
        raise ModelUnusable(error.message, hint) from error
    rows = {
        "file": told.path,
        "size": f"{told.bytes / 1e9:.2f} GB",
        "name": told.name,
        "architecture": told.architecture,
        "parameters": f"{told.parameters / 1e9:.2f} billion" if told.parameters else "not said",
        "quantisation": told.quantisation or "not said",
        "window": f"{told.context} tokens as trained",
        "chat template": "yes" if told.chat_template else "none",
    }
    for label, value in rows.items():
        out(f"{label:14} {value}")
    return 0


async def _served(name: str, api_base: str) -> int:
    """Print what the server of a model says. Raises ModelError where there is none."""
    from agent.keys import key_for
    from agent.models import providers, servers, serving

    provider = providers.provider_of(name)
    assert provider is not None, "the name was looked at"
    base = api_base or servers.home(provider.name)
    if not base:
        raise ModelUnusable(
            f"{name} is not served on this machine", f"agent models info {name} --api-base URL"
        )
    kept = key_for(provider.name)
    key = kept.text if kept else ""
    found = await serving.serving(provider, name.partition("/")[2], base, key=key)
    root = servers.root_of(base)
    server = await servers.look(root, seconds=serving.ASK_S, key=key, only=found.model)
    model = server.model(found.model) if server else None
    if server is None or model is None:
        raise ModelUnusable(f"the server at {base} says nothing of {name}", "agent models list")
    rows = {
        "model": f"{name.partition('/')[0]}/{model.name}",
        "server": f"{server.title} {server.version}".rstrip(),
        "address": base,
        "window": _window(model.window, model.trained),
        "loaded": "yes" if model.loaded else "no",
        **dict(model.about),
    }
    if found.told:
        rows["asked for"] = f"{found.told:,} tokens; WISP_CONTEXT asks for another number"
    for label, value in rows.items():
        out(f"{label:14} {value}")
    return 0


KEY_BYTES = 1 << 16  # of a line that is piped in; no key is that long


def keep_key(word: str) -> int:
    """Ask for the key of a provider, or read it from a pipe, and keep it."""
    from agent import keys
    from agent.models.providers import from_environment

    provider = keys.provider_named(word)
    if sys.stdin.isatty():
        from getpass import getpass

        try:
            typed = getpass(f"key for {provider} (not shown): ")
        except EOFError:
            typed = ""
    else:
        typed = sys.stdin.buffer.readline(KEY_BYTES).decode(errors="replace")
    where = keys.keep(provider, keys.usable(typed))
    say(f"the key for {provider} is kept in {where}")
    if before := from_environment(provider):
        say(f"note: {before.source} is set too, and counts before it")
    return 0


def key_listing() -> int:
    """Print which providers have a key and from where, the place that counts first."""
    from agent import keys
    from agent.models.providers import PROVIDERS

    names = sorted({each.name for each in PROVIDERS.values()})
    locked = ""
    for name in names:
        places: list[str] = []
        try:
            places.extend(key.source for key in keys.found(name))
        except keys.KeyringUnusable as error:
            locked = error.message
        if places:
            out(f"{name:16} {', then '.join(places)}")
    if locked:
        say(f"note: {locked}")
    say(f"providers: {', '.join(names)}")
    say("hint: agent keys set PROVIDER")
    return 0


def forget_key(word: str) -> int:
    """Remove the key of a provider from wherever it is kept; raises UsageError where none is."""
    from agent import keys
    from agent.models.providers import from_environment

    provider = keys.provider_named(word)
    removed, still = keys.forget(provider), from_environment(provider)
    if not removed:
        hint = f"unset {still.source}" if still else "agent keys list"
        raise UsageError(f"no key for {provider} is kept", hint)
    say(f"the key for {provider} was removed from {' and '.join(removed)}")
    if still:
        say(f"note: {still.source} is still set, and counts")
    return 0


def sandbox_status(folder: Path, mode: Mode, as_json: bool) -> int:
    """Print what holds here."""
    import json

    from agent.footing import open_workspace
    from agent.holding import contain, held_by

    workspace = open_workspace(folder)
    held = held_by(asyncio.run(contain(workspace, mode)), workspace, mode)
    if as_json:
        out(json.dumps(held.data(), indent=2))
    else:
        for label, value in held.rows().items():
            out(f"{label:14} {value}")
    return 0


def to_stdout() -> Callable[[bytes], None]:
    """Return what writes a command's output: as it is into a pipe, as text to a terminal."""
    stdout = sys.stdout
    if not stdout.isatty():

        def plain(data: bytes) -> None:
            stdout.buffer.write(data)
            stdout.buffer.flush()

        return plain
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def shown(data: bytes) -> None:
        stdout.write(decoder.decode(data).replace("\r\n", "\n"))
        stdout.flush()

    return shown


def examined(folder: Path, as_json: bool) -> int:
    """Print what the doctor finds; 0 when the main job can be done here, else 1."""
    import json

    from agent import doctor

    async def look() -> list[doctor.Finding]:
        found = []
        async for finding in doctor.examine(folder):
            found.append(finding)
            for line in () if as_json else doctor.lines(finding):
                out(line)
            sys.stdout.flush()
        return found

    found = asyncio.run(look())
    if as_json:
        out(json.dumps(doctor.as_data(found), indent=2))
    stopping = [each.name for each in found if each.stops]
    if stopping:
        say(f"note: the main job cannot be done here: {', '.join(stopping)}")
    return 1 if stopping else 0
