"""`agent policy` and `agent trust`: what is the rule, why was I asked, what would another level do.

They ask the same function that decides in a session, and print what it says.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent import config, log, remembered
from agent.errors import UsageError
from agent.grants import ARGUMENT, BEYOND, covering
from agent.holding import contain
from agent.lines import out, say
from agent.policy import AFTER_TAINT, EFFECTS, TABLE, Autonomy, Stance, decide
from agent.replay.deciding import replay
from agent.sessions import find
from agent.standing import Standing, starting_stance, would_set
from agent.trust import PLACE, content
from sandbox.base import Containment, Sandbox
from sandbox.workspace import Workspace
from tools import registry
from tools.base import Effect, ToolCall, ToolContext, ToolError, ToolMemory
from tools.commands import parts_of

_CALL = re.compile(r"(?P<tool>\w+)\s*(\[(?P<more>[^\]]*)\])?\s*(:(?P<rest>.*))?", re.DOTALL)
# what a command asks for beyond the workspace, and the least that a change needs
_ASKS: dict[str, dict[str, Any]] = {
    "network": {"network": True},
    "outside": {"paths": ["/"]},
    "destroy": {"git": True},
}
_LEAST: dict[str, dict[str, Any]] = {"edit": {"old": "a", "new": "b"}, "write": {"content": ""}}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a question is asked: the workspace, what contains commands in it, and what stands."""

    workspace: Workspace
    sandbox: Sandbox
    stands: Standing

    @property
    def stance(self) -> Stance:
        return starting_stance(self.stands.config.settings, self.stands.grants, self.sandbox)

    @property
    def held(self) -> str:
        """The containment in words."""
        sandbox = self.sandbox
        why = f": {sandbox.why_not}" if sandbox.why_not else ""
        return f"{sandbox.containment.name} ({sandbox.backend}){why}"


def _place(workspace: Workspace, stands: Standing) -> _Place:
    sandbox = asyncio.run(contain(workspace, stands.config.settings.sandbox))
    for notice in stands.notices:
        say(f"note: {notice.text}" + (f"\nhint: {notice.hint}" if notice.hint else ""))
    return _Place(workspace, sandbox, stands)


# -- show


def show(workspace: Workspace, stands: Standing) -> int:
    """Print the table with the row that counts here, the containment, the grants, the trust."""
    place = _place(workspace, stands)
    stance, loaded = place.stance, stands.config
    rows = [EFFECTS, *(TABLE[level] for level in Autonomy)]
    wide = [max(len(row[at]) for row in rows) for at in range(len(EFFECTS))]
    heads = ["", *(f"{_sign(level, stance)} {int(level)} {level.name}" for level in Autonomy)]
    for head, row in zip(heads, rows, strict=True):
        cells = (f"{cell:{width}}" for cell, width in zip(row, wide, strict=True))
        out(f"{head:13}{'  '.join(cells)}".rstrip())
    out(f"level        {stance.autonomy.name}, from {loaded.sources['autonomy']}")
    out(f"containment  {place.held}")
    out(f"contained    {'yes' if stance.contained else 'no'}")
    for number, grant in enumerate(stands.grants):
        out(f"{'' if number else 'grants':12} {grant}  ({grant.source})")
    if not stands.grants:
        out(f"grants       none; kept in {remembered.grants_path()}")
    if loaded.content is not None:
        state = f"not trusted: {would_set(loaded)}" if loaded.untrusted else "nothing to trust"
        if loaded.sources["check"] == "repository":
            state = "trusted"
        out(f"repository   {'/'.join(PLACE)}, {state}")
    return 0


def _sign(level: Autonomy, stance: Stance) -> str:
    return ">" if level is stance.autonomy else " "


# -- explain


def explain(workspace: Workspace, stands: Standing, text: str) -> int:
    """Print what a call would do, where that comes from, and the verdict at every level."""
    call = _call(text)
    place = _place(workspace, stands)
    context = ToolContext(
        workspace=workspace,
        sandbox=place.sandbox,
        memory=ToolMemory(),
        output=lambda text: None,
        question=_nobody,
        check_command=stands.config.settings.check,
        network=stands.config.settings.network,
    )
    try:
        tool, args = registry.parse(call)
        effects = tool.effects(args, context)
    except ToolError as error:
        raise UsageError(f"no such call: {error}", "agent policy explain 'shell: make'") from error
    stance = place.stance
    out(f"call         {call.name} {json.dumps(call.arguments, ensure_ascii=False)}")
    out(f"effects      {_names(effects)}")
    for line in _because(call, effects, place.sandbox.containment):
        out(f"             {line}")
    out(f"containment  {place.held}")
    grants = covering(stance.grants, call, effects)
    told = " and ".join(f"{grant} ({grant.source})" for grant in grants)
    out(f"grants       {told or f'none of {len(stance.grants)} covers it'}")
    for level in Autonomy:
        found = decide(call, effects, replace(stance, autonomy=level))
        out(f"{_sign(level, stance)} {int(level)} {level.name:8} {found.verdict:5} {found.reason}")
    if effects & AFTER_TAINT:
        out("once text was read that neither you nor the project wrote: asked, grants or not")
    return 0


async def _nobody(question: str, choices: tuple[str, ...]) -> str | None:
    return None


def _call(text: str) -> ToolCall:
    """Read a call: JSON, the form of a rule, or a command. Raises UsageError."""
    text = text.strip()
    if not text:
        raise UsageError("a call is missing", "agent policy explain 'shell: git push'")
    if text.startswith("{"):
        try:
            given = json.loads(text)
            return ToolCall(id="asked", name=given["name"], arguments=given.get("arguments", {}))
        except (ValueError, KeyError, AttributeError) as error:
            hint = """'{"name": "shell", "arguments": {"command": "make"}}'"""
            raise UsageError("not a call in JSON", hint) from error
    found = _CALL.fullmatch(text)
    if found is None or found["tool"] not in ARGUMENT or (found["rest"] is None and " " in text):
        return ToolCall(id="asked", name="shell", arguments={"command": text})
    name, words = found["tool"], (found["rest"] or "").strip()
    arguments: dict[str, Any] = {ARGUMENT[name]: words} if words else {}
    arguments |= _LEAST.get(name, {})
    for each in (found["more"] or "").split(","):
        if not each.strip():
            continue
        if name != "shell" or each.strip() not in _ASKS:
            known = ", ".join(_ASKS)
            raise UsageError(f"a command asks for {known}, not {each.strip()}", "shell[network]: …")
        arguments |= _ASKS[each.strip()]
    return ToolCall(id="asked", name=name, arguments=arguments)


def _because(call: ToolCall, effects: frozenset[Effect], held: Containment) -> Iterator[str]:
    """Yield where each effect comes from."""
    if call.name != "shell":
        if Effect.OUTSIDE in effects:
            yield "OUTSIDE: it leads out of the workspace"
        return
    asks = {Effect.NETWORK: "network", Effect.OUTSIDE: "paths", Effect.DESTROY: "git"}
    for effect in BEYOND:
        if call.arguments.get(asks[effect]):
            yield f"{effect}: the call asks for `{asks[effect]}`"
    if held is Containment.FULL:
        yield "EXECUTE: contained, a command is that, whatever it says; uncontained it would be"
    elif held is Containment.REDUCED:
        yield "DESTROY where the text may change what is protected; uncontained it would be"
    else:
        yield "nothing contains it, so its text counts"
    for words, found in parts_of(str(call.arguments.get("command", ""))):
        yield f"  {words}: {_names(found)}"


def _names(effects: frozenset[Effect]) -> str:
    return ", ".join(sorted(effects, key=EFFECTS.index)) or "none"


# -- replay


def replayed(root: Path, word: str, at: str) -> int:
    """Print what a session decided, and what it would have at another level."""
    level = config.load({"autonomy": at}, None).settings.autonomy if at else None
    view = log.read(find(word, root).path)
    for damage in view.damage:
        say(f"note: {damage}")
    count = different = 0
    for each in replay(view.events, level):
        count += 1
        different += each.differs
        then, now = each.then.verdict.value, each.now.verdict.value
        verdicts = f"{then} -> {now}" if each.differs else then
        words = " ".join(f"{name}={value}" for name, value in each.call.arguments.items())
        what = " ".join(f"{each.call.name} {words}".split())
        out(f"{'*' if each.differs else ' '} {verdicts:14} {what[:100]}")
        out(f"                 {_names(frozenset(each.then.effects))}; {each.now.reason}")
    name = f"at {level.name}" if level is not None else "at its own level"
    say(f"{count} calls, {different} would be decided otherwise {name}")
    return 0


# -- trust


def trust(root: Path, forget: bool) -> int:
    """Let what a repository's settings say count, as they are now; or no more."""
    loaded = config.load({}, root)
    found = content(root)
    if forget:
        remembered.trust(root, "")
        say(f"nothing of {root} is trusted")
        return 0
    if found is None:
        raise UsageError(f"{root} has no {'/'.join(PLACE)}", "agent config")
    remembered.trust(root, found.digest)
    said = would_set(loaded) or "nothing that needed it"
    say(f"trusted, as it is now: {said} ({found.path}, sha256 {found.digest[:12]})")
    return 0
