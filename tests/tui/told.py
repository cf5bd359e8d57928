"""Events of a session as tests tell them, with times that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CheckFinished,
    CheckStarted,
    MessageFinished,
    PhaseStarted,
    SessionStarted,
    StepStarted,
    Tally,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
    Verification,
)
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy, Verdict
from sandbox.base import Containment
from tests.tui.screen import folded
from tools.base import Effect, Preview, ToolCall, ToolResult
from tui.fold import Fold

DIFF = """\
--- a/src/pricing.py
+++ b/src/pricing.py
@@ -30,4 +30,4 @@ def total(items, discount=None):
     amount = sum(item.price for item in items)
-    if discount:
+    if discount is not None:
         amount -= amount * discount
     return round(amount, 2)
"""


class Teller:
    """Tells a session to a fold; each event is `seconds` after the one before."""

    def __init__(self) -> None:
        self.fold = Fold()
        self.now = 1_000.0
        self._attempt: int | None = None
        self._calls = 0

    def tell(self, *events: Base, seconds: float = 0.1) -> None:
        """Take events in, one after the other."""
        for event in events:
            self.now += seconds
            if isinstance(event, AttemptStarted):
                self._attempt = event.attempt
            attempt = self._attempt if event.attempt is None else event.attempt
            self.fold.take(event.model_copy(update={"time": self.now, "attempt": attempt}))
            if isinstance(event, AttemptFinished):
                self._attempt = None

    def text(self, width: int) -> str:
        """Return all lines of all cards, as a screen that is long enough would show them."""
        lines = [line.plain.rstrip() for card in self.fold.cards for line in card.lines(width)]
        return folded("\n" + "\n".join(lines))

    # -- what happens often

    def open(self) -> None:
        """Open a session."""
        self.tell(
            SessionStarted(
                id="01JC8Z",
                cwd="/work/orders-api",
                model="qwen2.5-coder-1.5b",
                autonomy=Autonomy.RUN,
                effort=2,
                containment=Containment.FULL,
            )
        )

    def turn(self, prompt: str, **more: Any) -> None:
        """Begin a turn."""
        self.tell(TurnStarted(prompt=prompt, **more))

    def step(self, number: int, text: str = "", thought: str = "", seconds: float = 2.0) -> None:
        """Take a whole step, as it streams."""
        self.tell(StepStarted(step=number))
        if thought:
            self.tell(ThinkingDelta(text=thought))
        if text:
            self.tell(TextDelta(text=text))
        message = AssistantMessage(text=text, thinking=thought)
        self.tell(MessageFinished(message=message, usage=Usage()), seconds=seconds)

    def call(
        self,
        name: str,
        result: ToolResult | None = None,
        *,
        by: Any = "model",
        effects: Sequence[Effect] = (Effect.READ,),
        verdict: Verdict = Verdict.ALLOW,
        reason: str = "level RUN allows it (table, row 3)",
        answer: dict[str, Any] | None = None,
        output: Sequence[str] = (),
        seconds: float = 0.4,
        **arguments: Any,
    ) -> None:
        """Make a call; without a result it goes on running."""
        self._calls += 1
        call_id = f"c{self._calls}"
        self.tell(ToolRequested(call=ToolCall(id=call_id, name=name, arguments=arguments), by=by))
        self.tell(
            CallDecided(
                call_id=call_id,
                effects=tuple(effects),
                verdict=verdict,
                reason=reason,
                containment=Containment.FULL,
            )
        )
        allowed = verdict is Verdict.ALLOW
        if verdict is Verdict.ASK:
            asked = Preview(kind="text", title=name)
            self.tell(
                ApprovalAsked(call_id=call_id, effects=tuple(effects), reason=reason, preview=asked)
            )
            if answer is None:
                return
            self.tell(ApprovalAnswered(call_id=call_id, **answer))
            allowed = answer["approved"]
        if allowed:
            self.tell(ToolStarted(call_id=call_id))
            self.tell(*(ToolOutput(call_id=call_id, text=text) for text in output))
        if result is not None:
            self.tell(ToolFinished(call_id=call_id, result=result), seconds=seconds)

    def check(self, command: str = "pytest -q", **said: Any) -> None:
        """Run a check to its end."""
        self.tell(CheckStarted(command=command))
        given = {"passed": 41, "failed": 2, "complete": True, "seconds": 2.4} | said
        self.tell(CheckFinished(**given))

    def attempt(
        self, number: int, detail: str, verdict: Any, why: str = "", diff: str = ""
    ) -> None:
        """Make an attempt to its end."""
        self.tell(AttemptStarted(attempt=number, detail=detail))
        self.check(passed=1, failed=1)
        self.tell(AttemptFinished(verdict=verdict, detail=why, diff=diff))

    def end(self, outcome: Any = "done", **more: Any) -> None:
        """End the turn."""
        usage = Usage(input=1600, output=240)
        self.tell(TurnFinished(outcome=outcome, usage=usage, **more))


def verified() -> Verification:
    """Return the record of a repair."""
    return Verification(
        verified=True,
        strength="tests",
        commands=("pytest -q",),
        before=Tally(passed=41, failed=2),
        after=Tally(passed=43),
        newly_passing=("test_totals.py::test_zero_discount", "test_totals.py::test_no_discount"),
        runs=2,
        seconds=6.1,
    )


def repair(teller: Teller) -> None:
    """Tell the sketch: a repair from its prompt to its proof."""
    teller.open()
    teller.turn("totals are wrong when a discount is zero", kind="fix")
    teller.tell(PhaseStarted(phase="reproduce", detail="running pytest -q"))
    teller.check(
        newly_failing=("test_totals.py::test_zero_discount", "test_totals.py::test_no_discount")
    )
    teller.tell(PhaseStarted(phase="localise", detail="2 failing"))
    teller.tell(PhaseStarted(phase="propose", detail="total (it ran in 2 failing tests)"))
    teller.attempt(1, "rewrite: total in src/pricing.py: a", "failed", "test_zero_discount fails")
    teller.attempt(2, "rewrite: total in src/pricing.py: b", "refused", "it does not parse")
    teller.attempt(3, "edit: total in src/pricing.py: c", "verified", diff=DIFF)
    teller.tell(PhaseStarted(phase="select", detail="attempt 3"))
    teller.call(
        "edit",
        ToolResult(text="ok", diff=DIFF, summary="src/pricing.py +1 -1"),
        by="harness",
        effects=(Effect.READ, Effect.EDIT),
        path="src/pricing.py",
        symbol="total",
    )
    teller.end(verification=verified(), changed=("src/pricing.py",))
