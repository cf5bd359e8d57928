"""The screen: puts the pieces together, and owns the keys that count everywhere."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import App
from textual.binding import BindingType

from agent import secret_values
from agent.config import cache_path
from agent.desk import Desk
from agent.errors import WispError
from agent.events import ApprovalAsked, Base, Notice, TurnFinished
from agent.footing import open_workspace
from agent.job import Job
from agent.lines import say
from agent.models.base import Model
from agent.policy import Autonomy, Stance, Verdict
from agent.redaction import Redaction
from tools.base import PlanItem
from tui import looks
from tui.actions import Actions
from tui.commands import Unknown, parse
from tui.drafts import Drafts
from tui.driver import Driver
from tui.files import Files
from tui.fold import Fold
from tui.keys import EVERYWHERE
from tui.later import later
from tui.place import look
from tui.screens.main import Main
from tui.state import State
from tui.theme import THEMES
from tui.typed import meant, shell_call
from tui.waiting import Waiting
from tui.widgets.effort import Effort
from tui.widgets.entry import Entry
from tui.widgets.plan_offer import BEGINS, PlanOffer
from tui.widgets.prompt import Prompt
from tui.widgets.slider import CLOSED, OPENING, Slider
from tui.widgets.status import Status
from tui.widgets.wanted import Wanted
from tui.work import Face, Work

AGAIN_S = 2.0  # within which a second Ctrl+C leaves
STATUS_S = 0.1  # between two drawings of the meters
_OF_THE_MAIN_SCREEN = {"open", "page", "follow", "stop"}
LEAVES = "Ctrl+C again leaves; the session is kept"


def show(job: Job) -> int:
    """Show the screen until the user leaves, and return the exit code."""
    app = Wisp(job)
    code = app.run()
    if app._exception is not None:  # a bug of ours: told as any other, without secrets
        raise app._exception
    for line in app.work.told():
        say(line)
    return app.return_code or code or 0


class Wisp(App[int]):
    """One conversation on the screen."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "wisp.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*EVERYWHERE]

    def __init__(self, job: Job) -> None:
        super().__init__(driver_class=Driver)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = looks.theme(job.settings.theme)
        self.workspace = open_workspace(job.cwd, job.add_dirs)
        redaction = Redaction(secret_values.outside())
        self.waiting = Waiting(self._show_waiting)
        self.state = State(model=job.settings.model, effort=job.settings.effort)
        self.state.stance.autonomy = job.settings.autonomy
        self.fold = Fold()
        face = Face(
            opened=self._opened,
            read=self._read,
            ended=self._ended,
            idle=self._idle,
            failed=self.failed,
            ask=self.waiting.ask,
            question=self.waiting.question,
            have_model=self._have_model,
        )
        self.work = Work(job, face, redaction)
        self.drafts = Drafts(self.workspace.root, redaction.text)
        self.actions = Actions(self)
        self.last_answer = ""
        self.main: Main
        self._first = job.prompt
        self._stale = False
        self._stopped_at = -AGAIN_S
        self._clock: Any = None  # the timer of the seconds
        self._code = 0

    def get_default_screen(self) -> Main:
        """Make the main screen."""
        files = Files(self.workspace, cache=cache_path())
        commands = self.actions.commands
        entry = Entry(self.work, files, self.drafts, commands, self.tell)
        wanted, repo = Wanted(self.waiting), self.workspace.root.name
        self.main = Main(repo, self.fold, wanted, entry, self.state.stance)
        return self.main

    def _fatal_error(self) -> None:
        """End after a bug of ours; Textual would print the values of all variables."""
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Begin: the desk opens while the screen is there already."""
        self._clock = self.set_interval(1.0, self._draw_status, pause=True)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self.leave, 128 + each)
        loop.add_signal_handler(signal.SIGINT, self.action_stop_or_leave)
        self.call_after_refresh(self._draw_status)
        self.run_worker(self._work(), name="work")

    async def _work(self) -> None:
        try:
            await self.work.run()
        finally:
            self.exit(self._code, return_code=self._code)

    # -- what is told: events, ends, failures

    def _opened(self, desk: Desk, said: Sequence[Base]) -> None:
        self.fold, self.state = Fold(), State()
        for event in said:
            self.fold.take(event)
            self.state.take(event)
        model: Model = desk.model
        self.state.local, self.state.host = model.local, model.host
        self.state.window = model.context_window
        self.state.why_not = desk.site.sandbox.why_not
        if not desk.talk.turns:
            self.fold.welcome("" if model.local else model.host)
        self.main.transcript.show(self.fold)
        self._look_at_place()
        self._draw_status()
        if self._first:
            first, self._first = self._first, ""
            self.work.submit(first, images=self.work.job.images)

    def _read(self, event: Base) -> None:
        self.main.transcript.changed(self.fold.take(event))
        if self.state.take(event):
            self._show_status()

    def _ended(self, finished: TurnFinished) -> None:
        self.last_answer = finished.text or self.last_answer
        if finished.outcome == "cancelled":
            self.main.entry.give_back()
        if finished.changed:
            self._look_at_place()
        self.actions.offer_plan()
        self.notice("your turn" if not finished.error else finished.error)

    def _idle(self) -> None:
        if self._clock is not None:
            self._clock.pause()
        self._show_status()

    def failed(self, error: WispError) -> None:
        """Tell of an error in a line, and what to type."""
        self.tell(f"error: {error.message}", error.hint)
        self._show_status()

    def tell(self, text: str, hint: str = "") -> None:
        """Tell the user something in the transcript, which no log keeps."""
        note = Notice(text=text, hint=hint).model_copy(update={"time": _now()})
        self.main.transcript.changed(self.fold.take(self.work.redaction.clean(note)))

    def notice(self, text: str) -> None:
        """Ring where the terminal is not looked at."""
        if self.work.job.settings.notify and not self.app_focus:
            looks.notice(self, text)

    async def _have_model(self, name: str) -> None:
        from agent.models.choose import missing_download

        if missing_download(name):
            await self.actions.get_model(name)

    # -- the meters, at most so often

    def _show_status(self) -> None:
        if not self._stale:
            self._stale = True
            later(self, STATUS_S, self._draw_status)

    def _draw_status(self) -> None:
        self._stale = False
        if not self.is_running or not self.screen_stack:
            return
        if self._clock is not None:
            (self._clock.resume if self.state.working else self._clock.pause)()
        closed = OPENING if self.work.opening else CLOSED
        self.main.draw(self.state, self._stance(), "" if self.work.desk else closed, _now())

    def _look_at_place(self) -> None:
        desk = self.work.desk
        if desk is not None:
            self.run_worker(self._placed(desk), group="place", exclusive=True)

    async def _placed(self, desk: Desk) -> None:
        self.main.place(self.state, await look(desk))

    # -- what waits for the user

    def _show_waiting(self) -> None:
        if not self.is_running:
            return
        wanted = self.main.wanted
        held = wanted.holds_focus
        if wanted.show(self.state.calls, self._stance()):
            self._wants("an answer is wanted")
        if wanted.front is None and held:
            self.main.prompt.focus()
        self._show_status()

    def _wants(self, what: str) -> None:
        """Show that something is wanted of the user, where they look, or by a notice."""
        if self.main.wanted.front is not None:
            self.main.take_focus()
            self.notice(what)

    def _stance(self) -> Stance:
        return self.work.desk.stance if self.work.desk else self.state.stance

    @on(Wanted.Left)
    def _back(self) -> None:
        self.main.prompt.focus()

    # -- the slider and the knob

    def move(self, level: Autonomy) -> None:
        """Move the slider: it acts at once, also on what waits."""
        self.work.move(level)
        self.state.stance.autonomy = level
        self.waiting.reconsider(self._now_says)
        self._draw_status()
        self._show_waiting()

    def _now_says(self, asked: ApprovalAsked) -> Verdict:
        call = self.state.calls.get(asked.call_id)
        if self.work.desk is None or call is None:
            return Verdict.ASK
        return self.work.desk.decide(call, frozenset(asked.effects)).verdict

    def action_notch(self, by: int, around: bool = True) -> None:
        """Move the slider by a notch."""
        level = self.work.level + by
        if around:
            level %= len(Autonomy)
        self.move(Autonomy(min(max(level, 0), max(Autonomy))))

    def action_knob(self, by: int) -> None:
        """Turn the effort knob."""
        self.turn_knob(min(max(self.work.job.settings.effort + by, 0), 4))

    def turn_knob(self, effort: int) -> None:
        """Set the effort."""
        self.work.turn_knob(effort)
        self.state.effort = effort
        self._draw_status()

    @on(Slider.Moved)
    def _moved(self, message: Slider.Moved) -> None:
        self.move(message.level)

    @on(Effort.Moved)
    def _turned(self, message: Effort.Moved) -> None:
        self.turn_knob(message.effort)

    @on(Status.Pressed)
    def _pressed(self, message: Status.Pressed) -> None:
        self.simulate_key(message.key)

    # -- a plan

    def offer(self, plan: Sequence[PlanItem]) -> None:
        """Let the user accept a plan, all of it or by item."""
        self.main.wanted.plan.show(plan)
        self._wants("a plan to look at")

    @on(PlanOffer.Accepted)
    def _accepted(self, message: PlanOffer.Accepted) -> None:
        self.main.wanted.plan.clear()
        self.main.prompt.focus()
        self.move(message.level)
        items = (f"{number}. {each}" for number, each in enumerate(message.items, 1))
        self.work.submit("\n".join([BEGINS, *items]))

    @on(PlanOffer.EditWanted)
    def _planned(self, message: PlanOffer.EditWanted) -> None:
        self.main.wanted.plan.clear()
        self.main.prompt.put(message.text)
        self.main.prompt.focus()

    # -- what is typed

    @on(Entry.Sent)
    def _sent(self, message: Entry.Sent) -> None:
        self.main.wanted.plan.clear()
        self.main.transcript.scroll_to_end_and_follow()
        self.run_worker(self._do(message.text), group="typed")

    async def _do(self, text: str) -> None:
        try:
            match meant(text):
                case "shell":
                    self.work.command(lambda name: shell_call(text, name))
                case "command":
                    await self._command(text)
                case _:
                    self.work.submit(text)
                    self.actions.suggest(text)
                    self._show_status()
        except WispError as error:
            self.failed(error)

    async def _command(self, text: str) -> None:
        found = parse(text, self.actions.commands())
        if isinstance(found, Unknown):
            self.tell(f"error: {found}", "/help")
            return
        command, word = found
        act = command.act(self.actions, word)
        if act is not None:
            await act

    @on(Prompt.EditorWanted)
    def _editor(self, message: Prompt.EditorWanted) -> None:
        self.main.prompt.put(looks.edited(self, message.text))

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave to a screen that stands over the main one what it has keys for itself."""
        return len(self.screen_stack) == 1 or action not in _OF_THE_MAIN_SCREEN

    def action_stop(self) -> None:
        """Stop the turn; where none runs go back to the prompt."""
        if not self.work.stop():
            self.main.prompt.focus()

    def action_stop_or_leave(self) -> None:
        """Copy a selection, else stop the turn, else put the prompt aside; twice in a row leave."""
        if (selected := self.screen.get_selected_text()) is not None:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            return
        now = time.monotonic()
        if now - self._stopped_at < AGAIN_S:
            self.leave()
            return
        self._stopped_at = now
        if self.work.stop():
            return
        self.main.entry.put_aside()
        self.tell(LEAVES)

    def action_page(self, direction: int) -> None:
        """Scroll the transcript from wherever the focus is."""
        self.main.transcript.page(direction)

    def action_follow(self) -> None:
        """Show the end of the transcript and stay there."""
        self.main.transcript.scroll_to_end_and_follow()

    def action_redraw(self) -> None:
        """Draw everything anew, where another program wrote over it."""
        self.refresh(layout=True, repaint=True)

    def action_open(self, name: str) -> None:
        """Open a screen."""
        self.run_worker(self._do(f"/{looks.OPENS[name]}"), group="typed")

    def leave(self, code: int = 0) -> None:
        """Stop what runs, close the session and end; what was typed and not sent is kept."""
        self._code = code
        self.main.entry.keep()
        self.work.leave(code)


def _now() -> float:
    """Return the time as events tell it."""
    return time.time()
