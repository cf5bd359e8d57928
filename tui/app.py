"""The screen: puts the pieces together, and owns the keys that count everywhere."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static, TextArea

from agent import secret_values
from agent.desk import Desk
from agent.errors import WispError
from agent.events import ApprovalAsked, Base, Notice, TurnFinished
from agent.footing import open_workspace
from agent.job import Job
from agent.models.base import Model
from agent.policy import Autonomy, Verdict
from agent.redaction import Redaction
from tools.base import PlanItem
from tui import looks
from tui.actions import Actions
from tui.commands import Unknown, parse
from tui.drafts import Drafts
from tui.driver import Driver
from tui.files import Files
from tui.fold import Fold
from tui.place import look
from tui.recall import Recall
from tui.state import State
from tui.theme import THEMES
from tui.typed import meant, shell_call
from tui.waiting import Waiting
from tui.widgets.approval import Approval
from tui.widgets.completion import Completion
from tui.widgets.effort import Effort
from tui.widgets.header import Header
from tui.widgets.prompt import Prompt
from tui.widgets.question import Question
from tui.widgets.queue import Queue
from tui.widgets.slider import Slider
from tui.widgets.status import Status
from tui.widgets.transcript import Transcript
from tui.work import Face, Work

_Kind = TypeVar("_Kind", bound=Widget)
AGAIN_S = 2.0  # within which a second Ctrl+C leaves
QUIET_S = 1.0  # without a key, before a question may take the focus
STATUS_S = 0.1  # between two drawings of the meters
DRAFT_S = 0.5  # after the last key, before a draft is kept
LEAVES = "Ctrl+C again leaves; the session is kept"


def show(job: Job) -> int:
    """Show the screen until the user leaves, and return the exit code."""
    app = Wisp(job)
    code = app.run()
    return app.return_code or code or 0


class Wisp(App[int]):
    """One conversation on the screen."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "wisp.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+tab", "notch(1)", "up a notch, around", priority=True),
        Binding("alt+right", "notch(1, False)", "up a notch", priority=True),
        Binding("alt+left", "notch(-1, False)", "down a notch", priority=True),
        Binding("alt+up", "knob(1)", "more effort", priority=True),
        Binding("alt+down", "knob(-1)", "less effort", priority=True),
        Binding("ctrl+c", "stop_or_leave", "stop; twice: leave", priority=True),
        Binding("escape", "stop", "stop the turn"),
        Binding("tab", "over", "to a question, or to the transcript and back"),
        Binding("pageup", "page(-1)", "a page up", priority=True),
        Binding("pagedown", "page(1)", "a page down", priority=True),
        Binding("ctrl+end", "follow", "to the end", priority=True),
        Binding("ctrl+l", "redraw", "draw the screen anew", priority=True),
        Binding("f1", "open('help')", "help", priority=True),
        Binding("f2", "open('policy')", "policy", priority=True),
        Binding("f3", "open('changes')", "changes", priority=True),
        Binding("f4", "open('sessions')", "sessions", priority=True),
        Binding("f5", "open('rewind')", "rewind", priority=True),
        Binding("f6", "open('models')", "models", priority=True),
    ]

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
        self._first = job.prompt
        self._stale = False
        self._stopped_at = -AGAIN_S
        self._draft: Any = None  # the timer of the draft
        self._clock: Any = None  # the timer of the seconds
        self._code = 0

    def compose(self) -> ComposeResult:
        """Put the pieces in their places."""
        queue, popup = Queue(), Completion()
        yield Header(self.workspace.root.name)
        yield Transcript(self.fold)
        yield Static(id="below")
        yield Approval(where="your own rules", way_in="Tab")
        yield Question()
        yield queue
        yield popup
        yield Prompt(
            popup,
            Files(self.workspace),
            commands=self.actions.commands,
            recall=Recall(self.drafts.history()),
            queue=queue,
            vim=self.work.job.settings.vim,
        )
        yield Slider(self.state.stance)
        yield Status()

    def on_mount(self) -> None:
        """Begin: the desk opens while the screen is there already."""
        self.prompt.focus()
        self._clock = self.set_interval(1.0, self._draw_status, pause=True)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self.leave, 128 + each)
        loop.add_signal_handler(signal.SIGINT, self.action_stop_or_leave)
        draft, queued = self.drafts.kept()
        kept = "\n\n".join(filter(None, [*queued, draft]))
        if kept:
            self.prompt.put(kept)
        self._draw_status()
        self.run_worker(self._work(), name="work")

    async def _work(self) -> None:
        try:
            await self.work.run()
        finally:
            self.exit(self._code, return_code=self._code)

    # -- the pieces

    @property
    def transcript(self) -> Transcript:
        """The transcript."""
        return self.screen_stack[0].query_one(Transcript)

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return self.screen_stack[0].query_one(Prompt)

    def _of(self, kind: type[_Kind]) -> _Kind:
        return self.screen_stack[0].query_one(kind)

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
        self.transcript.show(self.fold)
        self._look_at_place()
        self._draw_status()
        if self._first:
            first, self._first = self._first, ""
            self.work.submit(first)

    def _read(self, event: Base) -> None:
        self.transcript.changed(self.fold.take(event))
        if self.state.take(event):
            self._show_status()

    def _ended(self, finished: TurnFinished) -> None:
        self.last_answer = finished.text or self.last_answer
        if finished.outcome == "cancelled":
            self._withdraw()
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

    def tell(self, text: str, hint: str = "") -> None:
        """Tell the user something in the transcript, which no log keeps."""
        note = Notice(text=text, hint=hint).model_copy(update={"time": _now()})
        self.transcript.changed(self.fold.take(self.work.redaction.clean(note)))

    def notice(self, text: str) -> None:
        """Ring where the terminal is not looked at."""
        if self.work.job.settings.notify and not self.app_focus:
            self.bell()
            looks.desktop_notice(self, text)

    async def _have_model(self, name: str) -> None:
        from agent.models.choose import missing_download

        if missing_download(name):
            await self.actions.get_model(name)

    # -- the meters, at most so often

    def _show_status(self) -> None:
        if not self._stale:
            self._stale = True
            self.set_timer(STATUS_S, self._draw_status)

    def _draw_status(self) -> None:
        self._stale = False
        if not self.is_running or not self.screen_stack:
            return
        if self._clock is not None:
            (self._clock.resume if self.state.working else self._clock.pause)()
        self._of(Header).show(self.state)
        self._of(Slider).show(self.work.desk.stance if self.work.desk else self.state.stance)
        self._of(Status).show(self.state, _now())
        self._of(Queue).show(self.work.queued)

    def _look_at_place(self) -> None:
        desk = self.work.desk
        if desk is not None:
            self.run_worker(self._placed(desk), group="place", exclusive=True)

    async def _placed(self, desk: Desk) -> None:
        self._of(Header).show(self.state, await look(desk))

    # -- what waits for the user

    def _show_waiting(self) -> None:
        if not self.is_running:
            return
        card, question, waits = self._of(Approval), self._of(Question), self.waiting.approvals
        if waits:
            asked = waits[0]
            new = card.asked is not asked
            place = f"1 of {len(waits)}" if len(waits) > 1 else ""
            card.show(asked, self.state.calls.get(asked.call_id), self._stance(), place)
            if new:
                self._wants(card, "approval wanted")
        elif card.asked is not None:
            card.clear()
        if self.waiting.questions and not waits:
            if question.asked is not self.waiting.questions[0]:
                question.show(self.waiting.questions[0])
                self._wants(question, "a question")
        elif question.asked is not None:
            question.clear()
        if not (waits or self.waiting.questions) and self.focused is None:
            self.prompt.focus()
        self._show_status()

    def _wants(self, card: Approval | Question, what: str) -> None:
        """Give a card the focus, unless somebody is typing."""
        typing = time.monotonic() - self.prompt.last_key < QUIET_S or not self.prompt.is_empty
        if self.focused in (None, self.transcript) or not typing:
            card.focus()
        self.notice(what)

    def _stance(self) -> Any:
        return self.work.desk.stance if self.work.desk else self.state.stance

    @on(Approval.Answered)
    def _answered(self, message: Approval.Answered) -> None:
        by = {"by": "edit", "edited": message.edited} if message.edited is not None else {}
        self.waiting.answer(message.answer.model_copy(update=by))
        self._back()

    @on(Question.Answered)
    def _said(self, message: Question.Answered) -> None:
        self.waiting.say(message.asked, message.answer)
        self._back()

    @on(Approval.Left)
    def _back(self, message: Message | None = None) -> None:
        if message is not None or not (self.waiting.approvals or self.waiting.questions):
            self.prompt.focus()

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
        from tui.widgets.plan_offer import PlanOffer

        self._of(PlanOffer).show(plan)
        self._wants(self._of(PlanOffer), "a plan to look at")

    # -- what is typed

    @on(Prompt.Submitted)
    def _submitted(self, message: Prompt.Submitted) -> None:
        text = message.text.strip()
        if not text:
            return
        if trouble := self.drafts.add(message.text):
            self.tell(trouble)
        self._keep_draft()
        self.transcript.scroll_to_end_and_follow()
        self.run_worker(self._do(text), group="typed")

    async def _do(self, text: str) -> None:
        try:
            match meant(text):
                case "shell":
                    self.work.command(lambda name: shell_call(text, name))
                case "command":
                    await self.do(text)
                case _:
                    self.work.submit(text)
                    self._show_status()
        except WispError as error:
            self.failed(error)

    async def do(self, text: str) -> None:
        """Do a `/` command. Raises WispError."""
        found = parse(text, self.actions.commands())
        if isinstance(found, Unknown):
            self.tell(f"error: {found}", "/help")
            return
        command, word = found
        act = command.act(self.actions, word)
        if act is not None:
            await act

    @on(Prompt.Edited)
    def _edited(self, message: TextArea.Changed) -> None:
        if self._draft is not None:
            self._draft.stop()
        self._draft = self.set_timer(DRAFT_S, self._keep_draft)

    def _keep_draft(self) -> None:
        if trouble := self.drafts.keep(self.prompt.value, self.work.queued):
            self.tell(trouble)

    @on(Queue.Withdrawn)
    def _withdrawn(self, message: Queue.Withdrawn) -> None:
        self.work.withdraw_last(message.text)
        self._show_status()

    def _withdraw(self) -> None:
        """Give what was typed ahead back to the prompt: nobody has read it."""
        taken = self.work.withdraw()
        if taken:
            self.prompt.put("\n\n".join(filter(None, [*taken, self.prompt.value])))

    @on(Prompt.EditorWanted)
    def _editor(self, message: Prompt.EditorWanted) -> None:
        self.prompt.put(looks.edited(self, message.text))

    # -- keys

    def action_stop(self) -> None:
        """Stop the turn; where none runs go back to the prompt."""
        if not self.work.stop():
            self.prompt.focus()

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
        if not self.prompt.is_empty:
            self.drafts.add(self.prompt.value)
            self.prompt.recall.add(self.prompt.value)
            self.prompt.put("")
        self.tell(LEAVES)

    def action_over(self) -> None:
        """Go to what waits for an answer, else to the transcript, and back to the prompt."""
        card = self._of(Approval)
        question = self._of(Question)
        if self.focused is not self.prompt:
            self.prompt.focus()
        elif card.asked is not None:
            card.focus()
        elif question.asked is not None:
            question.focus()
        else:
            self.transcript.focus()

    def action_page(self, direction: int) -> None:
        """Scroll the transcript from wherever the focus is."""
        self.transcript.page(direction)

    def action_follow(self) -> None:
        """Show the end of the transcript and stay there."""
        self.transcript.scroll_to_end_and_follow()

    def action_redraw(self) -> None:
        """Draw everything anew, where another program wrote over it."""
        self.refresh(layout=True, repaint=True)

    def action_open(self, name: str) -> None:
        """Open a screen."""
        if len(self.screen_stack) == 1:
            self.run_worker(self._do(f"/{looks.OPENS[name]}"), group="typed")

    @on(Transcript.NewBelow)
    def _below(self, message: Transcript.NewBelow) -> None:
        mark = self._of(Static)
        mark.update(f"↓ {message.count} new below   Ctrl+End" if message.count else "")
        mark.display = bool(message.count)

    def leave(self, code: int = 0) -> None:
        """Stop what runs, close the session and end; what was typed and not sent is kept."""
        self._code = code
        self._keep_draft()
        self.work.leave()


def _now() -> float:
    """Return the time as events tell it."""
    return time.time()
