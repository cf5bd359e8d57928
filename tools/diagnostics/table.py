"""The table of checkers: those that say most of a language come first."""

from __future__ import annotations

from tools.diagnostics.base import Checker
from tools.diagnostics.biome import Biome
from tools.diagnostics.cargo import CargoCheck
from tools.diagnostics.eslint import Eslint
from tools.diagnostics.go import GoVet
from tools.diagnostics.mypy import Mypy
from tools.diagnostics.pyrefly import Pyrefly
from tools.diagnostics.pyright import Pyright
from tools.diagnostics.ruff import Ruff
from tools.diagnostics.tsc import Tsc
from tools.diagnostics.ty import Ty

CHECKERS: tuple[Checker, ...] = (
    *(Ruff(), Mypy(), Ty(), Pyrefly(), Pyright()),
    *(Tsc(), Eslint(), Biome()),
    *(GoVet(), CargoCheck()),
)
