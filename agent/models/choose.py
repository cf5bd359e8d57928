"""From a model string to a model.

`scripted:FILE`, a name of the catalogue, a path to a GGUF, or `provider/model` for a remote one or
one that a server on this machine has.
"""

from __future__ import annotations

from agent.errors import ModelUnusable
from agent.models.base import Model
from agent.models.providers import KeyFor

SCRIPTED = "scripted:"


def missing_download(name: str) -> int:
    """Return how many bytes must be loaded before this model can be used; 0 when it is here.

    Raises ModelUnusable for a name that leads nowhere.
    """
    if name.startswith(SCRIPTED) or is_remote(name):
        return 0
    from agent.models import catalog

    found = catalog.resolve(name)
    return 0 if found.present or found.entry is None else found.entry.bytes


def open_model(
    name: str,
    context: int | None = None,
    *,
    api_base: str = "",
    max_cost: float | None = None,
    key_for: KeyFor | None = None,
    kv_cache: bool = False,
    host_idle: int = 0,
) -> Model:
    """Return the model, started as little as possible; raises ModelUnusable.

    `context` is the window in tokens, where the file allows it or the provider's is not known.
    `api_base` is where a remote model is served, `max_cost` the dollars that it may cost, `key_for`
    who is asked for its key in place of `keys`. With `kv_cache` a model in this machine's memory
    keeps on disk what it has read.
    who is asked for its key in place of `keys`. Sessions share the host of a local model that stays
    for `host_idle` seconds after the last request; with 0 it is private.
    """
    if name.startswith(SCRIPTED):
        from agent.models.scripted import load

        return load(name.removeprefix(SCRIPTED), context)
    if is_remote(name):
        from importlib.util import find_spec

        from agent import keys
        from agent.models.litellm import INSTALL, LiteLlm

        if find_spec("litellm") is None:
            raise ModelUnusable("remote models need litellm", INSTALL)
        asked = key_for or keys.key_for
        return LiteLlm(name, context=context, api_base=api_base, key_for=asked, max_cost=max_cost)
    if api_base:
        raise ModelUnusable(
            f"--api-base is for remote models, and {name} is none", "-m openai/NAME --api-base URL"
        )
    from agent.config import cache_path, state_path
    from agent.models import catalog
    from agent.models.llamacpp import DEFAULT_WINDOW, LlamaCpp, Shared

    found = catalog.resolve(name)
    if not found.present:
        raise ModelUnusable(f"the model {found.name} is not on this machine", found.hint)
    return LlamaCpp(
        found.path,
        name=found.name,
        window=context or DEFAULT_WINDOW,
        hint=found.hint,
        kept=cache_path() / "kv" if kv_cache else None,
        shared=Shared(state_path(), host_idle) if host_idle else None,
    )


def is_remote(name: str) -> bool:
    """Whether a name begins with a provider; a path to a file does not."""
    from agent.models.catalog import looks_like_path
    from agent.models.providers import provider_of

    return not looks_like_path(name) and provider_of(name) is not None
