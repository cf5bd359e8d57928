"""The `/` commands in lines: what the screen shows in screens of its own is told in lines here."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.errors import UsageError
from agent.lines import say
from agent.policy import TABLE, Autonomy
from tools.base import Effect
from tui.commands import COMMANDS, Act
from tui.doing import Doing
from tui.work import Work


class Lines(Doing):
    """The commands of the plain mode; each raises WispError."""

    def __init__(self, work: Work, leave: Callable[[], None]) -> None:
        super().__init__(work, _say)
        self._leave = leave

    async def model(self, word: str) -> None:
        """Use another model, or list those there are."""
        if word:
            await self.use_model(word)
            return
        from agent.models.catalog import CATALOG, folder, present

        say(f"the model is {self.work.job.settings.model}")
        for entry in CATALOG:
            say(f"{entry.name}: {'here' if present(entry, folder()) else 'to load'}")
        say("hint: /model NAME; agent models list has servers too")

    def policy(self, word: str) -> Act:
        """Tell the row of the table that counts, and the grants."""
        stance = self._desk().stance
        for effect, cell in zip(Effect, TABLE[stance.autonomy], strict=True):
            say(f"{effect.value}: {cell.value}")
        for grant in stance.grants:
            say(f"allowed: {grant}")
        say(f"level {stance.autonomy.name} of {', '.join(each.name for each in Autonomy)}")
        return None

    async def diff(self) -> None:
        """Print what the last turn changed."""
        desk = self._desk()
        turn = desk.last
        if turn is None or turn.before is None or turn.after is None:
            raise UsageError("nothing was changed in this session", "git diff")
        say(await turn.checkpoints.diff(turn.before.id, turn.after.id))

    async def review(self) -> None:
        """Print what the last turn changed."""
        await self.diff()

    async def sessions(self, word: str) -> None:
        """Open a session, or list them."""
        if word:
            await self.open_session(word)
            return
        from agent.sessions import kept
        from agent.summary import Summary

        for each in kept(self._desk().root):
            told = Summary.of(each)
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.used))
            say(f"{each.id}, {when}, {told.outcome}: {told.prompt}")

    def copy(self) -> Act:
        """Say that lines are copied by the terminal."""
        raise UsageError("there is no clipboard in plain mode")

    def theme(self, word: str) -> Act:
        """Say that lines have no colours."""
        raise UsageError("there are no colours in plain mode")

    def keys(self) -> Act:
        """List the providers that have a key."""
        from agent.commands import key_listing

        key_listing()
        return None

    async def doctor(self) -> None:
        """Tell what works on this machine."""
        from agent.doctor import examine, lines

        async for finding in examine(self._desk().root):
            for line in lines(finding):
                say(line)

    def help(self) -> Act:
        """List the commands."""
        for command in COMMANDS.values():
            say(f"/{command.name} {command.takes}".rstrip() + f": {command.about}")
        say("! COMMAND runs a command by the same policy")
        return None

    def quit(self) -> Act:
        """Leave."""
        self._leave()
        return None


def _say(text: str, hint: str) -> None:
    say(text)
    if hint:
        say(f"hint: {hint}")
