"""Servers of models: what one says of itself, and which of them run on this machine.

A server is known by what it answers, not by its port: something else may listen there, may be slow,
or may mean no good. So every question is short, asked beside the others, and given up in time.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agent.models import web
from agent.models.providers import PROVIDERS, loopback

FIND_S = 0.5  # seconds for all that run here, side by side
SHOWN = 32  # models of one Ollama that are asked about, one question each
LONGEST_NAME = 200
_WINDOWS = (
    *("max_model_len", "context_length", "context_window", "context_size"),
    "max_context_length",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A program that serves models; `start` is what a user types to start it."""

    provider: str  # what stands before the slash in a model's name
    title: str
    start: str

    @property
    def base(self) -> str:
        """Where it is, unless told otherwise."""
        return home(self.provider)


KINDS = {
    each.provider: each
    for each in (
        Kind("ollama", "Ollama", "ollama serve"),
        Kind("llama_server", "llama-server", "llama-server -m FILE.gguf --jinja -c 16384"),
        Kind("lm_studio", "LM Studio", "lms server start"),
        Kind("vllm", "vLLM", "vllm serve MODEL"),
    )
}


@dataclass(frozen=True, slots=True)
class Served:
    """One model that a server has; `window` is what it runs with, `trained` what it could."""

    name: str
    window: int | None = None
    trained: int | None = None
    loaded: bool = True
    about: tuple[tuple[str, str], ...] = ()  # more rows for a person


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `kind` is a provider of KINDS, or empty where it says no more."""

    kind: str
    root: str
    models: tuple[Served, ...] = ()
    version: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return KINDS[self.kind].title if self.kind else "a server in the manner of OpenAI"

    def model(self, name: str) -> Served | None:
        """Return the model of a name, or None."""
        wanted = {name, f"{name}:latest"} if self.kind == "ollama" else {name}
        found = next((each for each in self.models if each.name in wanted), None)
        # a llama-server with one model has it whatever it is called
        alone = self.kind == "llama_server" and len(self.models) == 1
        return self.models[0] if found is None and alone else found

    def typed(self, model: Served) -> str:
        """Return what to type for one of its models, after `-m`."""
        provider = self.kind or "openai"
        there = f"{self.root}{'' if self.kind == 'ollama' else '/v1'}"
        here = self.kind and KINDS[self.kind].base == there
        return f"{provider}/{model.name}" + ("" if here else f" --api-base {there}")


def home(provider: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of a provider on this machine, empty where it has none.

    OLLAMA_HOST moves Ollama, though not off this machine: that is what --api-base is for.
    """
    base = PROVIDERS[provider].base
    told = environ.get("OLLAMA_HOST", "").strip() if PROVIDERS[provider].name == "ollama" else ""
    if not told:
        return base
    try:
        parts = urlsplit(told if "//" in told else f"http://{told}")
        host, port = parts.hostname or "127.0.0.1", parts.port or 11434
    except ValueError:
        return base
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # listens everywhere
    there = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return there if parts.scheme == "http" and loopback(there) else base


def root_of(base: str) -> str:
    """Return an address without the part that only chat completions have."""
    return base.rstrip("/").removesuffix("/v1").rstrip("/")


async def find(environ: Mapping[str, str] = os.environ) -> list[Server]:
    """Return the servers that answer on this machine, within half a second."""
    roots = dict.fromkeys(root_of(home(provider, environ)) for provider in KINDS)
    found = await asyncio.gather(*(_quietly(root) for root in roots))
    return [each for each in found if each is not None and each.models]


async def _quietly(root: str) -> Server | None:
    try:
        return await look(root, seconds=FIND_S)
    except OSError:
        return None


async def look(
    root: str, *, seconds: float, key: str = "", only: str | None = None
) -> Server | None:
    """Ask a server what it is and has; None when it does not say in time.

    `only` is the one model that is wanted. Raises ConnectionRefusedError when nobody listens, and
    other OSErrors when there is no way to the address.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    paths = ("/v1/models", "/props", "/api/v0/models", "/api/version", "/api/tags")
    # what is left over is for what only the answers lead to
    told = await _several([web.ask(root + path, key=key) for path in paths], seconds * 0.6)
    answers = dict(zip(paths, told, strict=True))
    failed = [each for each in told if isinstance(each, OSError)]
    if len(failed) == len(paths):
        refused = (each for each in failed if isinstance(each, ConnectionRefusedError))
        raise next(refused, failed[0])
    good = {
        path: answer.found for path, answer in answers.items() if isinstance(answer, web.Answer)
    }
    listed = _entries(good.get("/v1/models", {}))
    if good.get("/api/version", {}).get("version") and "models" in good.get("/api/tags", {}):
        version = str(good["/api/version"]["version"])[:40]
        names = [_name(each.get("name")) for each in _dicts(good["/api/tags"]["models"])]
        names = [each for each in names if each]
        if only is not None:
            names = [name for name in names if name in (only, f"{only}:latest")] or names[:0]
        left = max(0.0, until - loop.time())
        shown = [web.ask(f"{root}/api/show", {"model": name}, key) for name in names[:SHOWN]]
        rows = await _several(shown, left)
        told = [*rows, *([None] * (len(names) - len(rows)))]
        models = tuple(_of_ollama(name, row) for name, row in zip(names, told, strict=True))
        return Server("ollama", root, models, version)
    props = good.get("/props", {})
    if isinstance(props.get("default_generation_settings"), dict):
        return Server("llama_server", root, _of_llama_server(props, listed))
    studio = _entries(good.get("/api/v0/models", {}))
    if studio and any("max_context_length" in each for each in studio):
        return Server("lm_studio", root, tuple(map(_of_lm_studio, filter(_speaks, studio))))
    if any(each.get("owned_by") == "vllm" for each in listed):
        return Server("vllm", root, tuple(map(_plain, listed)))
    return Server("", root, tuple(map(_plain, listed))) if listed else None


async def listed(url: str, model: str, *, seconds: float) -> int | None:
    """Return the window that a provider's own list has for a model, None where it does not say."""
    (answer,) = await _several([web.ask(url)], seconds)
    entries = _entries(answer.found) if isinstance(answer, web.Answer) else []
    return next((_window(each) for each in entries if each.get("id") == model), None)


async def _several(asked: list[Any], seconds: float) -> list[web.Answer | OSError | None]:
    """Return what each question came to: an answer, why there is none, or None for too late."""
    tasks = [asyncio.ensure_future(each) for each in asked]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
    finally:
        late = [task for task in tasks if task.cancel()]
        if late:
            await asyncio.wait(late)  # each closes its connection
    found: list[web.Answer | OSError | None] = []
    for task in tasks:
        if not task.done() or task.cancelled():
            found.append(None)
        elif isinstance(error := task.exception(), OSError):
            found.append(error)
        else:
            found.append(task.result())
    return found


# -- what each says


def _dicts(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def _entries(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in _dicts(answer.get("data")) if _name(each.get("id"))]


def _name(value: Any) -> str:
    """Return a model's name that can be typed and shown, else nothing."""
    good = isinstance(value, str) and value.isprintable() and 0 < len(value) <= LONGEST_NAME
    return value if good and not re.search(r"\s", value) else ""


def _size(value: Any) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31
    return value if good else None


def _window(entry: dict[str, Any]) -> int | None:
    meta = entry.get("meta")
    sizes = [_size(entry.get(name)) for name in _WINDOWS]
    sizes.append(_size(meta.get("n_ctx")) if isinstance(meta, dict) else None)
    return next((size for size in sizes if size), None)


def _plain(entry: dict[str, Any]) -> Served:
    return Served(entry["id"], _window(entry))


def _of_llama_server(props: dict[str, Any], entries: list[dict[str, Any]]) -> tuple[Served, ...]:
    window = _size(props["default_generation_settings"].get("n_ctx"))
    if len(entries) > 1:  # it chooses among several, and each has its own
        return tuple(map(_plain, entries))
    told = entries[0] if entries else {"id": _name(props.get("model_alias")) or "-"}
    meta = told.get("meta")
    trained = _size(meta.get("n_ctx_train")) if isinstance(meta, dict) else None
    # without an alias it calls the model by its path, which we would take for a file of our own
    name = re.sub(r"^.*[/\\]|\.gguf$", "", told["id"])
    return (Served(name or "-", window, trained),)


def _speaks(entry: dict[str, Any]) -> bool:
    return entry.get("type") != "embeddings"


def _of_lm_studio(entry: dict[str, Any]) -> Served:
    window = _size(entry.get("loaded_context_length"))
    rows = (("quantisation", entry.get("quantization")), ("architecture", entry.get("arch")))
    return Served(
        entry["id"],
        window,
        _size(entry.get("max_context_length")),
        entry.get("state") == "loaded",
        tuple((name, _name(value)) for name, value in rows if _name(value)),
    )


def _of_ollama(name: str, answer: web.Answer | OSError | None) -> Served:
    told = answer.found if isinstance(answer, web.Answer) else {}
    info = told.get("model_info")
    sizes = info.items() if isinstance(info, dict) else ()
    trained = next((_size(v) for k, v in sizes if str(k).endswith(".context_length")), None)
    details = told.get("details")
    details = details if isinstance(details, dict) else {}
    can = told.get("capabilities")
    rows = (
        ("parameters", details.get("parameter_size")),
        ("quantisation", details.get("quantization_level")),
        ("can", ",".join(map(str, can)) if isinstance(can, list) else ""),
    )
    about = tuple((label, _name(value)) for label, value in rows if _name(value))
    return Served(name, None, trained, True, about)
