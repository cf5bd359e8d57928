"""From a model string to a model: `scripted:FILE`, a name of the catalogue, a path to a GGUF."""

from __future__ import annotations

from pathlib import Path

from agent.errors import ModelUnusable
from agent.models.base import Model

SCRIPTED = "scripted:"


def missing_download(name: str) -> int:
    """Return how many bytes must be loaded before this model can be used; 0 when it is here.

    Raises ModelUnusable for a name that leads nowhere.
    """
    if name.startswith(SCRIPTED):
        return 0
    from agent.models import catalog

    found = catalog.resolve(name)
    return 0 if found.present or found.entry is None else found.entry.bytes


def open_model(name: str, context: int | None = None) -> Model:
    """Return the model, started as little as possible; raises ModelUnusable.

    `context` is the window of a local or scripted model, in tokens, where the file allows it.
    """
    if name.startswith(SCRIPTED):
        from agent.models.scripted import WINDOW, ScriptedModel

        path = Path(name.removeprefix(SCRIPTED)).expanduser()
        return ScriptedModel.load(path, context or WINDOW)
    from agent.models import catalog
    from agent.models.llamacpp import DEFAULT_WINDOW, LlamaCpp

    found = catalog.resolve(name)
    if not found.present:
        raise ModelUnusable(f"the model {found.name} is not on this machine", found.hint)
    return LlamaCpp(found.path, name=found.name, window=context or DEFAULT_WINDOW, hint=found.hint)
