"""`agent models ps | stop`: what is told of the hosts that sessions share."""

from __future__ import annotations

import json

from agent.config import state_path
from agent.errors import UsageError
from agent.lines import out, say
from agent.models.hosts import LEAVE_S, running, stop

_ENDED = {
    "left": "was ended",
    "killed": f"was ended by force: it had not left after {LEAVE_S:.0f} s",
    "stays": "cannot be ended from here",
}


def listing(as_json: bool) -> int:
    """Print the local models that are held in memory for all sessions."""
    found = running(state_path())
    if as_json:
        told = [
            {
                "model": each.model,
                "path": str(each.path),
                "window": each.window,
                "pid": each.pid,
                "memory_mb": round(each.memory / 1e6),
                "busy": each.idle_s is None,
                "idle_s": None if each.idle_s is None else round(each.idle_s, 1),
                "clients": each.clients,
                "version": each.version,
            }
            for each in found
        ]
        out(json.dumps(told, indent=2))
        return 0
    for each in found:
        state = "busy" if each.idle_s is None else f"idle {each.idle_s:.0f} s"
        sessions = f"{each.clients} session{'' if each.clients == 1 else 's'}"
        memory = f"{each.memory / 1e6:,.0f} MB" if each.memory else "memory not said"
        where = f"{each.model:20} {each.window:,} tokens  process {each.pid}"
        out(f"{where}  {memory}  {state}  {sessions}")
    if not found:
        say("no local model is held in memory")
    return 0


def end(name: str) -> int:
    """End the hosts of a model, or all; 1 where one stays, UsageError where none has the name."""
    every = running(state_path())
    meant = [each for each in every if not name or each.is_called(name)]
    if name and not meant:
        raise UsageError(f"no host of {name} runs", "agent models ps")
    ended = [stop(each) for each in meant]
    for each, how in zip(meant, ended, strict=True):
        say(f"{each.model}, process {each.pid}, {_ENDED[how]}")
    if not meant:
        say("no local model is held in memory")
    return 1 if "stays" in ended else 0
