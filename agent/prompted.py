"""A prompt as a turn begins with it: a talk or a repair, and what stands behind its words."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agent.config import cache_path
from agent.context.wishes import wants_repair
from agent.errors import WispError
from agent.events import Notice
from agent.job import STDIN
from agent.messages import Image
from agent.models.base import LocalModel
from agent.policy import Autonomy, Verdict
from sandbox.base import Containment
from tools.base import ToolCall

if TYPE_CHECKING:
    from agent.context.behind import Behind
    from agent.desk import Desk

BETTER = "what tests tell, a small model mends better by a repair than by a talk"
TALK = "ask a question, or leave the failing test out, to talk about it"
PLAN_MODE = (
    "You may only read now. If this asks for a change, set a plan with `plan`, one item a step,"
    " and stop: the user decides about it."
)


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt, the `context` behind it, its pictures, and where parts come from, a line each."""

    prompt: str
    context: str = ""
    images: tuple[Image, ...] = ()
    origin: str = ""

    async def accompanied(self, desk: Desk) -> Prompted:
        """Return it with what a turn at this desk adds; what was found for it is not looked for."""
        context, images, origin = self.context, self.images, self.origin
        # a small model seldom looks before it speaks, so what the prompt is about is shown
        if not context and (desk.model.local or "@" in self.prompt):
            try:
                shown = await self._behind(desk, self.prompt if desk.model.local else "")
            except asyncio.CancelledError:
                # what was asked for is begun and ended all the same: its first wait ends it
                if (task := asyncio.current_task()) is not None:
                    task.cancel()
            else:
                context, origin = shown.text, "\n".join(filter(None, (origin, shown.origin)))
                images = (*images, *(shown.images if await _seen(shown.images, desk) else ()))
        news = desk.talk.news(desk.context.memory, desk.site.workspace, desk.site.cwd)
        plan = PLAN_MODE if desk.stance.autonomy is Autonomy.OBSERVE else ""
        # news last: by its end it is known what of the instructions was told
        whole = "\n\n".join(filter(None, [context, plan, news]))
        return replace(self, context=whole, images=images, origin=origin)

    async def with_mentions(self, desk: Desk) -> Prompted:
        """Return it with what it mentions and nothing else, as it joins a turn under way."""
        if "@" not in self.prompt:
            return self
        shown = await self._behind(desk, "")
        return replace(self, context=shown.text, origin=shown.origin)

    async def _behind(self, desk: Desk, about: str) -> Behind:
        from agent.context.behind import behind, tokens_for  # brings the syntax trees
        from agent.context.mentioned import World

        # what is piped in mentions nothing: the user did not write it
        own = self.prompt.partition(f"\n{STDIN}\n")[0] if self.origin == STDIN else self.prompt
        used = desk.model.count(desk.talk.session.history.messages, ()) if "@" in own else 0
        past, below = desk.talk.past, _below(desk)
        world = World(desk.context, cache_path(), past.checked if past else None, below)
        tokens = tokens_for(desk.model.context_window, used)
        shown = await behind(own, world, tokens, about)
        desk.context.memory.seen.update(shown.seen)
        return shown


def _below(desk: Desk) -> str:
    """Return the folder that the user is in, from the top."""
    return os.path.relpath(desk.site.cwd, desk.root)


async def _seen(images: tuple[Image, ...], desk: Desk) -> bool:
    """Whether the model is shown pictures that were mentioned; says so where it is not."""
    model = desk.model
    if images and model.sees is None:
        with contextlib.suppress(WispError):  # which its first request raises too
            await model.start()
    if images and model.sees is False:
        text = f"{model.name} does not see pictures; it is told their names"
        desk.talk.session.emit(Notice(text=text, hint="choose a model that sees with --model"))
    return model.sees is not False


def talk_or_repair(prompt: str, desk: Desk) -> Literal["run", "fix"]:
    """Return what to do for a prompt: a small model mends what tests tell by a repair.

    That runs the tests, so only where nobody has to be asked about them; else `/fix` is named.
    """
    contained = desk.site.sandbox.containment is not Containment.NONE
    able = desk.model.small and isinstance(desk.model, LocalModel)
    if not (able and contained and wants_repair(prompt)):
        return "run"
    from tools.check import Check, CheckArgs

    check = ToolCall(id="", name=Check.name, arguments={})
    verdict = desk.decide(check, Check().effects(CheckArgs(), desk.context)).verdict
    if verdict is Verdict.ALLOW:
        desk.talk.session.emit(Notice(text=f"given to the repair: {BETTER}", hint=TALK))
        return "fix"
    if verdict is Verdict.ASK:
        desk.talk.session.emit(Notice(text=BETTER, hint="/fix"))
    return "run"
