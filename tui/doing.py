"""What `/` commands do in every face: to the desk, the session and the files.

What only a face can show (a screen, a table in lines) is its own; it adds to this class.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from agent import ledger
from agent.desk import Desk
from agent.errors import UsageError, WispError
from agent.events import Notice, Rewound
from agent.messages import Usage
from agent.policy import Autonomy
from agent.undo import Undone
from tui.commands import Act
from tui.words import notch
from tui.work import Work

Say = Callable[[str, str], None]
"""Tell the user something, with a hint or an empty one."""


class Doing:
    """The commands of `tui.commands` that need nothing but the work; each raises WispError."""

    def __init__(self, work: Work, say: Say) -> None:
        self.work = work
        self.say = say

    # -- the slider and the knob

    def effort(self, word: str) -> Act:
        """Turn the effort knob."""
        if not word:
            self.say(f"effort is {self.work.job.settings.effort}", "/effort 0 to 4")
        elif word in "01234" and len(word) == 1:
            self.work.turn_knob(int(word))
            self.say(f"effort is {word}, from the next turn on", "")
        else:
            raise UsageError(f"no such effort: {word}", "/effort 0 to 4")
        return None

    def autonomy(self, word: str) -> Act:
        """Move the slider, by name or by number."""
        name = word.upper()
        if name.isdigit() and int(name) in list(Autonomy):
            self.work.move(Autonomy(int(name)))
        elif name in Autonomy.__members__:
            self.work.move(Autonomy[name])
        elif word:
            raise UsageError(f"no such level: {word}", "observe, ask, edit, run, full, or 0 to 4")
        stance = self._desk().stance
        self.say(f"level {stance.autonomy.name}: {notch(stance)[0]}", "")
        return None

    def plan(self) -> Act:
        """Look only, and make a plan."""
        self.work.move(Autonomy.OBSERVE)
        self.say("level OBSERVE: the model may only read, and proposes a plan", "")
        return None

    # -- turns

    def ask(self, prompt: str, origin: str) -> Act:
        """Send a prompt; where it is the repository's it says so."""
        self.work.submit(prompt, origin=origin)
        return None

    async def init(self, words: str) -> None:
        """Have the model draft the project's instructions, or improve them."""
        from agent.context.draft import Facts, request

        desk = self._desk()
        facts = await asyncio.to_thread(Facts.of, desk.site.workspace)
        prompt, found = request(facts, words, desk.model.small)
        self.work.submit(prompt, found=found)

    def remember(self, words: str) -> Act:
        """Keep a lesson in the user's own folder; the model reads it behind the next prompt."""
        from agent.remembered import keep_lesson

        desk = self._desk()
        if desk.redaction.text(words) != words:
            raise UsageError("not kept: it holds a secret", "say where it is, not what it is")
        self.say(f"kept: {keep_lesson(words, desk.site.home.root)}", "/lessons")
        return None

    def lessons(self, words: str) -> Act:
        """List the lessons by number, or take back one."""
        from agent.remembered import Unusable, forget_lesson, lessons, lessons_path

        root = self._desk().site.home.root
        verb, _, number = words.partition(" ")
        if words and not (verb == "forget" and number.isdecimal() and len(number) < 5):
            raise UsageError(f"not understood: /lessons {words}", "/lessons forget N")
        if words:
            self.say(f"forgotten: {forget_lesson(int(number), root)}", "")
            return None
        try:
            kept = lessons(root)
        except Unusable as error:
            raise WispError(f"no lesson counts: {error}", f"mend {lessons_path()}") from error
        for count, lesson in enumerate(kept, 1):
            self.say(f"{count}. {lesson}", "")
        if not kept:
            self.say("no lessons are kept for this repository", "/remember WORDS")
        return None

    def fix(self, words: str) -> Act:
        """Repair a bug, proved by the project's own tests."""
        self.work.submit(words, "fix")
        return None

    def check(self, command: str) -> Act:
        """Have what was changed proved by the check, from now on this one if it is named."""
        if command:
            self._desk().check_with(command)
        self.work.submit(command or self._desk().context.check_command, "check")
        return None

    def compact(self, words: str) -> Act:
        """Sum up the conversation to make room, above all keeping what the words say."""
        self.work.submit(words, "compact")
        return None

    # -- what was done

    async def undo(self) -> None:
        """Take the last turn's changes back."""
        from agent.undo import undo

        checkpoints = self._still().checkpoints()
        self._went(await undo(checkpoints), "undone", "/redo takes this back")

    async def redo(self) -> None:
        """Do again what was taken back."""
        from agent.undo import redo

        checkpoints = self._still().checkpoints()
        self._went(await redo(checkpoints), "redone", "/undo takes this back")

    async def rewind(self, word: str) -> None:
        """Go back to before a turn or a step: files and conversation."""
        from agent.resumption import Resume
        from agent.rewinding import Point, files_back, talk_back

        desk = self._still()
        if not word:
            raise UsageError("which turn is not said", "/rewind TURN or TURN.STEP")
        point = Point.of(word, desk.talk.session.id, desk.root)
        done = await files_back(point, desk.checkpoints(), preview=False)
        told = []
        if done is not None:
            self._rewound(done)
            count = len(done.files)
            text = f"went back: {count} file{'' if count == 1 else 's'}"
            told = [Notice(text=text, hint="/redo takes this back")]
            told += [Notice(text=f"left alone, changed since: {path}") for path in done.refused]
        name = talk_back(point, desk.root)
        resume = Resume(name, said=_EVERY) if name else None
        self.work.reopen(lambda job: replace(job, resume=resume, prompt=""), *told)

    # -- the session

    def name(self, word: str) -> Act:
        """Name this session, or take its name away."""
        from agent.sessions import find, rename

        desk = self._desk()
        rename(find(str(desk.talk.session.log_path), None), word)
        self.say(f"this session is called {word}" if word else "this session has no name", "")
        return None

    async def export(self, word: str) -> None:
        """Put a report of this session into a file: of its own name, or one that is given."""
        from agent.report.writing import place
        from agent.report_commands import made, name_for

        await self._resting()
        desk = self._desk()
        log = desk.talk.session.log_path
        if not desk.talk.turns:
            raise UsageError("nothing was asked in this session yet")
        path = place(word or name_for(log), desk.site.home.root)
        # a long session takes seconds to read
        await asyncio.to_thread(made, log, path, desk.talk.session.redaction)
        self.say(f"the report is in {path}", "")

    async def clear(self) -> None:
        """Begin a new session; this one is kept."""
        await self._resting()
        self.work.reopen(lambda job: replace(job, resume=None, prompt=""))

    async def open_session(self, word: str) -> None:
        """Go on with another session."""
        from agent.resumption import Resume
        from agent.sessions import find

        await self._resting()
        found = find(word, self._desk().site.home.root)
        self.work.reopen(lambda job: replace(job, resume=Resume(str(found.path)), prompt=""))

    async def use_model(self, name: str, api_base: str = "") -> None:
        """Go on with another model, in the same session."""
        from agent.resumption import Resume

        await self._resting()
        desk = self.work.desk
        resume = self.work.job.resume
        if desk is not None:
            turns = desk.talk.turns
            resume = Resume(desk.talk.session.id, said=_EVERY) if turns else None
        changed = {"model": name, "api_base": api_base, "context": None}
        self.work.reopen(
            lambda job: replace(
                job, settings=job.settings.model_copy(update=changed), resume=resume, prompt=""
            )
        )

    def trust(self) -> Act:
        """Trust the repository's settings, as they are now."""
        from agent import remembered
        from agent.trust import PLACE, content

        root = self._desk().site.home.root
        found = content(root)
        if found is None:
            raise UsageError(f"there is no {'/'.join(PLACE)} here", "agent config")
        remembered.trust(root, found.digest)
        self.say("trusted, as it is now; it counts from the next start", "")
        return None

    def cost(self) -> Act:
        """Say what the session has used."""
        used: Usage = self.work.used
        desk = self._desk()
        tokens = f"{used.input:,} tokens read ({used.cached:,} from cache), {used.output:,} written"
        left = ledger.told(desk.ledger.left, desk.ledger.online)
        self.say(f"{tokens}, ${used.cost or 0:.2f}, {left}", "")
        return None

    def went(self, word: str, count: int, hint: str) -> None:
        """Say that files went back or on."""
        self.say(f"{word}: {count} file{'' if count == 1 else 's'}", hint)

    # -- within

    def _desk(self) -> Desk:
        if self.work.desk is None:
            raise UsageError("no session is open", "/model NAME chooses another model")
        return self.work.desk

    async def _resting(self) -> None:
        """Wait for a turn that was stopped. Raises UsageError for one that goes on."""
        turn = self.work.doing
        if turn is not None and not turn.cancelling():
            raise UsageError("a turn runs", "Esc stops it")
        if turn is not None:
            await asyncio.wait([turn])

    def _still(self) -> Desk:
        """Return the desk, with its place taken, while no turn runs."""
        desk = self._desk()
        if self.work.busy:
            raise UsageError("a turn runs", "Esc stops it")
        desk.talk.place.take()
        return desk

    def _rewound(self, done: Undone) -> None:
        self._desk().talk.session.emit(
            Rewound(id=done.spans[0].before, backup=done.backup, files=done.files)
        )

    def _went(self, done: Undone, word: str, hint: str) -> None:
        self._rewound(done)
        self.went(word, len(done.files), hint)
        for path in done.refused:
            self.say(f"left alone, changed since: {path}", "")


_EVERY = frozenset({"model", "api_base", "effort", "autonomy"})
