"""What points to a bug before anything is ranked, gathered from the check and from git."""

from __future__ import annotations

from dataclasses import dataclass

from agent.bench import Bench
from agent.repair.recent import Edited, edited
from agent.repair.reproduce import Reproduction
from tools.base import ToolContext
from tools.report import Ran


@dataclass(frozen=True, slots=True)
class Clues:
    """What runs in failing and in passing tests, and what changed lately; empty if not known."""

    ran: tuple[Ran, ...] = ()
    edited: tuple[Edited, ...] = ()


async def gather(context: ToolContext, bench: Bench, seen: Reproduction) -> Clues:
    """Watch the check run, and look at the last changes. No model is asked. Raises Failed."""
    ran = await bench.ran(seen.extra, seen.targets)
    paths = sorted({each.path for each in ran if each.failing})
    return Clues(ran, await edited(context, paths))
