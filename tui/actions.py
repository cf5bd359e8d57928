"""The `/` commands on the screen: those that open a screen of their own, or draw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.errors import ModelUnusable, UsageError
from agent.events import Base
from agent.policy import Autonomy
from tools.base import PlanItem
from tui import looks
from tui.commands import COMMANDS, Act, Command
from tui.doing import Doing

if TYPE_CHECKING:
    from tui.app import Wisp

_OF_A_BUG = {"fix", "repair", "mend", "bug", "fails", "failing", "broken", "wrong"}


class Actions(Doing):
    """The commands of the screen; each raises WispError."""

    def __init__(self, app: Wisp) -> None:
        super().__init__(app.work, app.tell)
        self._app = app
        self._commands: Mapping[str, Command] | None = None
        self._planned: tuple[PlanItem, ...] = ()  # the plan at the end of the last turn
        self._suggested = False

    def commands(self) -> Mapping[str, Command]:
        """Return our commands and the user's own, which are read once."""
        if self._commands is None:
            from tui.own_commands import load

            self._commands = {**COMMANDS, **load(self._app.workspace)}
        return self._commands

    # -- screens

    def policy(self, word: str) -> Act:
        """Show the table, what holds, the grants, and what other notches would have done."""
        from tui.screens.policy import Policy

        desk = self._desk()
        logged: list[Base] = list(self._log())
        self._app.push_screen(
            Policy(desk.stance, logged, desk.site.sandbox.why_not, self._app.move)
        )
        return None

    async def diff(self) -> None:
        """Show what this session changed, to be gone through by hunk."""
        from agent.review import Review
        from tui.screens.changes import Changes

        desk = self._desk()
        review = await Review.of(desk)
        await self._app.push_screen(Changes(review, lambda: self.work.busy))

    async def review(self) -> None:
        """Show what this session changed, to be gone through by hunk."""
        await self.diff()

    async def sessions(self, word: str) -> None:
        """Open another session, by name or from the list."""
        if word:
            await self.open_session(word)
            return
        from tui.screens.sessions import Sessions

        desk = self._desk()
        found = await self._app.push_screen_wait(
            Sessions(desk.site.home.root, desk.talk.session.id)
        )
        if found is not None:
            await self.open_session(str(found))

    async def rewind(self, word: str) -> None:
        """Go back to before a turn or a step, by its number or on a timeline."""
        if not word:
            from tui.screens.rewind import Timeline

            self._still()
            found = await self._app.push_screen_wait(Timeline(list(self._log())))
            if found is None:
                return
            word = found
        prompt = self._prompt_of(word)
        await super().rewind(word)
        if prompt and self._app.main.prompt.is_empty:
            self._app.main.prompt.put(prompt)

    async def model(self, word: str) -> None:
        """Use another model, by name or from the list."""
        if word:
            await self.use_model(word)
            return
        from tui.screens.models import Models

        found = await self._app.push_screen_wait(Models(self.work.job.settings.model))
        if found is not None:
            await self.use_model(*found)

    def help(self) -> Act:
        """Show every command and every key."""
        from tui.screens.help import Help

        self._app.push_screen(Help(self.commands()))
        return None

    # -- the rest

    def theme(self, word: str) -> Act:
        """Choose the colours."""
        if word not in looks.NAMES:
            raise UsageError(
                f"no such theme: {word or '(none)'}", f"/theme {', '.join(looks.NAMES)}"
            )
        self._app.theme = looks.NAMES[word]
        self.say(f"to keep it: theme = {word!r} in config.toml", "")
        return None

    def copy(self) -> Act:
        """Put the last answer on the clipboard."""
        if not self._app.last_answer:
            raise UsageError("there is no answer yet")
        self._app.copy_to_clipboard(self._app.last_answer)
        self.say("the last answer is on the clipboard", "")
        return None

    def keys(self) -> Act:
        """Say which providers of remote models have a key, and from where."""
        from agent import keys
        from agent.models.providers import PROVIDERS

        for name in sorted({each.name for each in PROVIDERS.values()}):
            places = [key.source for key in keys.found(name)]
            if places:
                self.say(f"{name}: {', then '.join(places)}", "")
        self.say(
            "keys are kept outside of the repository, and no command sees them",
            "agent keys set PROVIDER",
        )
        return None

    async def doctor(self) -> None:
        """Say what works on this machine."""
        from agent.doctor import examine

        async for finding in examine(self._desk().root):
            self.say(f"{finding.name}: {finding.state}, {finding.text}", finding.hint)

    def quit(self) -> Act:
        """Leave; the session is kept."""
        self._app.leave()
        return None

    def went(self, word: str, count: int, hint: str) -> None:
        """Say what takes it back; that files went back stands in the transcript already."""
        self.say(hint, "")

    # -- what may be next, a plan, and a model that is not here

    def suggest(self, prompt: str) -> None:
        """Say at once, and once, what does better where a small model would only talk of a bug."""
        desk = self.work.desk
        if desk is None or not desk.model.local or self._suggested:
            return
        if _OF_A_BUG & set(re.findall(r"[a-z]+", prompt.lower())):
            self._suggested = True
            self.say(
                "a small model repairs better when your tests lead it", "/fix and what is wrong"
            )

    def offer_plan(self) -> None:
        """Where the model only planned, let the user accept it."""
        desk = self._desk()
        plan, before = desk.context.memory.plan, self._planned
        self._planned = plan
        if desk.stance.autonomy is Autonomy.OBSERVE and plan and plan is not before:
            self._app.offer(plan)

    async def get_model(self, name: str) -> None:
        """Say what loading a model means, and load it; raises ModelUnusable where it is not."""
        from tui.screens.first import First

        answer = await self._app.push_screen_wait(First(name))
        if answer == "other":
            await self.model("")
        if answer != "loaded":
            raise ModelUnusable(f"the model {name} is not on this machine", "/model")

    # -- within

    def _log(self) -> tuple[Base, ...]:
        from agent.log import read

        return tuple(read(self._desk().talk.session.log_path).events)

    def _prompt_of(self, word: str) -> str:
        """Return the prompt of the turn that is gone back to before."""
        from agent.events import TurnStarted

        turns = [each for each in self._log() if isinstance(each, TurnStarted)]
        number = int(word) if word.isdecimal() else 0
        return turns[number - 1].prompt if 0 < number <= len(turns) else ""
