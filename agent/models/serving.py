"""Where one model is served, and what its server says of it: its true name and window.

Asked when the model is started, beside the start of the child process, so it costs no time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import ModelUnusable, ProviderFailed
from agent.models.providers import Provider, loopback
from agent.models.servers import KINDS, Kind, Server, listed, look, root_of

ASK_S = 2.0  # seconds; less than the child takes to start
OLLAMA_WINDOW = 16384  # tokens; its own default cuts off a longer prompt without a word
LOADED = ("", "-")  # behind the slash: the model that is there
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Serving:
    """What is known of the place where a model is served.

    `window` is in tokens, None where the server does not say. `told` is the window that a request
    has to name, for a server that would take less by itself. `late` says that the model is loaded
    by the first request only, and that the window is to be asked then.
    """

    model: str
    kind: str = ""
    window: int | None = None
    told: int | None = None
    late: bool = False


async def serving(
    provider: Provider,
    model: str,
    base: str,
    *,
    key: str = "",
    given: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Serving:
    """Ask the server of a model; one that says nothing is no reason to fail.

    `base` is empty for a provider's own address, `given` the window that the user told. Raises
    ProviderFailed where a server of this machine is not running, ModelUnusable where it is another
    or does not have the model.
    """
    kind = KINDS.get(provider.name)
    server = None
    if not base:
        window = None
        if provider.list and not _proxied(environ):
            window = await listed(provider.list, model, seconds=ASK_S)
        return Serving(model, window=window)
    if loopback(base) or not _proxied(environ):
        only = None if model in LOADED else model
        try:
            server = await look(root_of(base), seconds=ASK_S, key=key, only=only)
        except ConnectionRefusedError:
            if kind is not None and loopback(base):
                raise _not_running(kind, base) from None
        except OSError:
            server = None  # the first request will say what is wrong
    if server is None:
        server = Server("", root_of(base))
    if kind is not None and server.kind not in (kind.provider, ""):
        theirs = f"-m {server.kind}/{model} --api-base {base}"
        raise ModelUnusable(f"at {base} is {server.title}, not {kind.title}", theirs)
    if model in LOADED:
        model = _loaded(server, kind, base)
    found = server.model(model)
    if found is None and server.kind == "ollama":
        raise ModelUnusable(f"Ollama at {base} has no model {model}", f"ollama pull {model}")
    window, trained = (found.window, found.trained) if found else (None, None)
    if provider.name == "ollama":
        told = min(given or OLLAMA_WINDOW, trained or given or OLLAMA_WINDOW)
        return Serving(model, server.kind, told, told)
    return Serving(model, server.kind, window, late=found is not None and not found.loaded)


def _loaded(server: Server, kind: Kind | None, base: str) -> str:
    """Return the one model that a server has; raises ModelUnusable where that is not certain."""
    loaded = [each for each in server.models if each.loaded]
    title = kind.title if kind else "the server"
    provider = kind.provider if kind else "openai"
    if len(loaded) == 1:
        return loaded[0].name
    if not loaded:
        raise ModelUnusable(f"{title} at {base} names no model that is loaded", "agent models list")
    names = ", ".join(each.name for each in loaded[:5])
    raise ModelUnusable(
        f"{title} at {base} has {len(loaded)} models: {names}", f"-m {provider}/{loaded[0].name}"
    )


def _not_running(kind: Kind, base: str) -> ProviderFailed:
    return ProviderFailed(
        f"{kind.title} is not running at {base}",
        f"{kind.start}; or --api-base URL where it runs elsewhere",
    )


def _proxied(environ: Mapping[str, str]) -> bool:
    """Whether the way out leads through a proxy, which only the child process knows how to use."""
    return any(environ.get(name) or environ.get(name.lower()) for name in _PROXIES)
