"""A call of a tool: what it is about, how far it is, what came of it."""

from __future__ import annotations

from textual.content import Content

from agent.events import ApprovalAnswered, CallDecided
from agent.policy import Verdict
from tools.base import Effect, ToolCall, ToolResult
from tools.shown import Shown
from tui import theme
from tui.cards.base import Card
from tui.cards.check import NAME, bar, counts, named
from tui.cards.diff import Diff
from tui.cards.lines import (
    INDENT,
    block,
    clean,
    cut,
    decoration,
    dim,
    more,
    numbered,
    one_line,
    program,
    row,
    seconds,
    took,
    under,
    wrap,
)
from tui.cards.output import Output
from tui.cards.shown import count, shown_lines, text
from tui.cards.target import target

_LIVE = 8  # lines of output while it runs, and of a failure
_MOST = 400  # lines of a result that are shown
_PATHS = ("read", "edit", "write")
_BY = {
    "user": "you",
    "slider": "the slider",
    "edit": "you, as you edited it",
    "headless": "nobody: no one was there to ask",
    "script": "the script",
}


class CallCard(Card):
    """One call, from its request to its result; failures and short diffs open by themselves."""

    def __init__(self, call: ToolCall, by: str, time: float) -> None:
        super().__init__()
        self.call = call
        self.running = True
        self._by = by
        self._asked_at = self._started = self._now = time
        self._began = False
        self._took = 0.0
        self._decided: CallDecided | None = None
        self._waiting = False
        self._answer: ApprovalAnswered | None = None
        self._output = Output()
        self._result: ToolResult | None = None
        self._diff: Diff | None = None

    # -- what happens to it

    def decide(self, event: CallDecided) -> None:
        """Take in what the policy said."""
        self._decided = event
        self.version += 1

    def ask(self) -> None:
        """Take in that a person is asked."""
        self._waiting = True
        self.version += 1

    def answer(self, event: ApprovalAnswered) -> None:
        """Take in the answer."""
        self._waiting, self._answer = False, event
        self.version += 1

    def start(self, time: float) -> None:
        """Take in that it runs."""
        self._began, self._started = True, time
        self.version += 1

    def print(self, text: str) -> None:
        """Take in live output."""
        self._output.add(text)
        self.version += 1

    def end(self, result: ToolResult, time: float) -> None:
        """Take in the result, which has what the output said."""
        self._result, self.running, self._waiting = result, False, False
        self._took = max(0.0, time - self._started) if self._began else 0.0
        self._diff = Diff(result.diff) if result.diff else None
        self._output = Output()
        if self._text():
            self._output.add(self._text())
        self.version += 1

    def stop(self) -> None:
        """Take in that the turn ended before it did."""
        self.running = self._waiting = False
        self.version += 1

    def pulse(self, now: float) -> None:
        """Count on."""
        self._now = now
        self.version += 1

    # -- how it stands

    @property
    def refused(self) -> bool:
        """Whether the policy or a person said no."""
        if self._answer is not None:
            return not self._answer.approved
        return self._decided is not None and self._decided.verdict is Verdict.DENY

    @property
    def failed(self) -> bool:
        """Whether it ran, or tried to, and did not do what was asked."""
        return self._result is not None and not self._result.ok

    @property
    def opens(self) -> bool:
        """Whether there is a diff, output or a longer command."""
        return bool(self._diff or self._output or self._long or self._shown)

    @property
    def opened(self) -> bool:
        """By the user's wish, else while it prints, where it failed and where a diff is short."""
        if self.open is not None:
            return self.open and self.opens
        if self.refused:
            return False
        if self.running or self.failed:
            return bool(self._output)
        if self._by == "user" and self.call.name == "shell":
            return bool(self._output)  # they want to see what it says
        if self._shown:
            return True
        # what the harness applies was seen as a proposal
        return self._diff is not None and self._diff.short and self._by != "harness"

    @property
    def _shown(self) -> Shown | None:
        return self._result.shown if self._result else None

    @property
    def _long(self) -> bool:
        command = self.call.arguments.get("command")
        return isinstance(command, str) and "\n" in command.strip()

    def _text(self) -> str:
        """Return what of the result is not said otherwise."""
        result = self._result
        if result is None or (self._diff and result.ok) or result.shown:
            return ""
        return result.text

    # -- how it looks

    def lines(self, width: int) -> list[Content]:
        """Return the head, why it was refused, and what is open."""
        sign = (theme.OPENED if self.opened else theme.CLOSED) if self.opens else " "
        icon = "!" if self._by == "user" else theme.TOOLS.get(self.call.name, theme.TOOL)
        lead = Content.assemble(
            decoration(numbered(self.step), theme.DIM),
            decoration(f"{sign} "),
            decoration(f"{icon} ", theme.BAD if self.failed else theme.DIM),
        )
        right = self._right(width)
        taken = sum(each.cell_length + 2 for each in right)
        return [
            row(lead, self._body(width - lead.cell_length - taken), width, *right),
            *self._answered(width),
            *(self._inside(width) if self.opened else ()),
        ]

    def _body(self, room: int) -> Content:
        what, rest = target(self.call)
        if self.call.name == "check" and self._result and self._result.report:
            what = program(one_line(self._result.report.command))
        if self.call.name in _PATHS:  # the end of a path says more than its beginning
            what = cut(what, max(24, room - NAME), "end")
        name = "" if self._by == "user" and self.call.name == "shell" else one_line(self.call.name)
        name = f"{cut(name, 3 * NAME):<{NAME - 1}} " if name else ""
        by = dim("  by the harness") if self._by == "harness" else ""
        shown = Content.styled(what, theme.NAME if self.call.name in _PATHS else "")
        return Content.assemble((name, theme.STRONG), shown, dim(f"  {rest}" if rest else ""), by)

    def _right(self, width: int) -> list[Content]:
        return [each for each in (self._effects(), *self._summary(width), self._state()) if each]

    def _effects(self) -> Content:
        beyond = (
            [each for each in self._decided.effects if each != Effect.READ]
            if (self._decided)
            else []
        )
        asked = self._decided is not None and self._decided.verdict is not Verdict.ALLOW
        return Content.styled(" + ".join(beyond), theme.WARM if asked else theme.FAINT)

    def _summary(self, width: int) -> list[Content]:
        result = self._result
        if result is None:
            return []
        if result.report is not None and result.report.tests:
            passed, failed = len(result.report.passed), len(result.report.failed)
            return [bar(passed, failed), counts(passed, failed)]
        if self._diff:
            return [self._diff.size()]
        what, _ = target(self.call)
        path = what.rpartition(":")[0] if self.call.name == "read" and ":" in what else what
        said = one_line(result.summary).removeprefix(path).removeprefix(":").strip()
        if said in f"{self.call.name} {what}" or self.refused:
            return []
        style = theme.BAD if self.failed else theme.DIM
        return [Content.styled(cut(said, max(12, width // 3)), style)]

    def _state(self) -> Content:
        if self.refused:
            return Content.styled(f"{theme.REFUSED} refused", theme.WARM)
        if self._waiting:
            return Content.styled(f"{theme.WAITING} waits for you", theme.WARM)
        if self.running:
            taken = seconds(self._now - self._started)
            return Content.styled(f"{theme.RUNNING} {taken}", theme.NAME)
        if self._result is None:
            return Content.styled(f"{theme.CUT} stopped", theme.DIM)
        if self.failed:
            return Content.assemble((f"{theme.FAILED} ", theme.BAD), dim(took(self._took)))
        return dim(took(self._took))

    def _answered(self, width: int) -> list[Content]:
        """Return who said what of it, where somebody had to."""
        said, answer = "", self._answer
        if answer is not None:
            word = f": {one_line(answer.feedback)}" if answer.feedback else ""
            kept = f", from now on {answer.grant}" if answer.grant and answer.approved else ""
            did = "approved" if answer.approved else "declined"
            sign = theme.DONE if answer.approved else theme.REFUSED
            said = f"{sign} {did} by {_BY[answer.by]}{kept}{word}"
        elif self.refused and self._decided is not None:
            said = f"{theme.REFUSED} {self._decided.reason}"
        if not said:
            return []
        style = theme.WARM if self.refused else theme.DIM
        text = Content.styled(clean(said), style)
        return under(" " * (INDENT + 2), wrap(text, max(8, width - INDENT - 2)))

    def _inside(self, width: int) -> list[Content]:
        out: list[Content] = []
        if self._long and self.open:
            out += block(self.call.arguments["command"].strip(), width, style="")
        report = self._result.report if self._result else None
        if report and report.failed and not self.open:
            return out + named(report.failed, (), width)
        if self._shown:
            out += shown_lines(self._shown, width, whole=bool(self.open))
        if self._diff:
            out += self._diff.lines(width)
        most = _MOST if self.open else _LIVE
        shown, left = self._output.last(most)
        return out + ([more(left)] if left else []) + (block(shown, width) if shown else [])

    def guess(self, width: int) -> int:
        """Return the head, and what is open by its length."""
        told = 1 + (self._answer is not None or self.refused)
        if not self.opened:
            return told
        if self._shown:
            return told + count(self._shown, whole=bool(self.open))
        if self._diff:
            return told + self._diff.guess()
        return told + min(self._output.count + 1, _MOST if self.open else _LIVE + 1)

    def plain(self) -> str:
        """Return the diff; or the command, or what the call was about, and what came of it."""
        if self._diff and self._result and self._result.ok:
            return self._diff.text.rstrip("\n")
        if self._shown:
            return text(self._shown)
        what = self.call.arguments.get("command") or " ".join(filter(None, target(self.call)))
        head = what if self.call.name == "shell" else f"{self.call.name} {what}"
        return f"{head}\n{self._output.last(_MOST)[0]}".rstrip("\n")
