"""Keeps pydantic from looking for plugins, which is slow and would run code that is not ours."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_LOADER = "pydantic.plugin._loader"


class _None(ModuleType):
    """Stands where pydantic's search is: there are no plugins.

    PYDANTIC_DISABLE_PLUGINS says the same, but only once `importlib.metadata` and with it `email`,
    `zipfile` and `csv` are imported: 20 ms of each start.
    """

    @staticmethod
    def get_plugins() -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # another version of pydantic wants more of it: then it gets the real one
        del sys.modules[_LOADER]
        return getattr(import_module(_LOADER), name)


def leave_out() -> None:
    """Say that there are none; to be called before the first model class is built."""
    sys.modules.setdefault(_LOADER, _None(_LOADER))
