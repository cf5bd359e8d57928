"""How a turn is run again: the command line to type, and what no command line brings back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.answer import ASK
from agent.escalation import ACCEPTED
from agent.events import (
    ApprovalAnswered,
    AutonomyChanged,
    Base,
    EffortChanged,
    HarnessSpoke,
    PromptTaken,
    QuestionAnswered,
    Rewound,
    SessionResumed,
    SessionStarted,
    StanceTaken,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.job import STDIN
from agent.policy import Autonomy
from agent.redaction import marked

# settings that a flag says; for all others there is a variable
_FLAGS = ("check", "sandbox", "max_steps", "max_tokens", "max_cost", "max_wall_time", "seed")
_ELSEWHERE = frozenset({"strong", "escalate", "context", *_FLAGS})


@dataclass
class Again:
    """One turn: what was asked, under which circumstances, and how it ended.

    `needs` says what whoever runs it again has to bring, or will see differ.
    """

    number: int
    kind: str
    prompt: str
    autonomy: Autonomy
    effort: int
    settings: Mapping[str, Any]
    grants: Sequence[str] = ()
    lifted: bool = False
    outcome: str = "interrupted"
    exit_code: int = 130
    schema: str = ""
    needs: list[str] = field(default_factory=list)

    def line(self, script: str, strong: bool, alone: bool) -> str:
        """Return what to type, with the script's name as `-m` takes it."""
        if self.kind in ("check", "compact"):
            return f"(on the screen) /{self.kind} {self.prompt}".rstrip()
        part = "" if alone else f"#{self.number}"
        flags = ["-m", f"scripted:{script}{part}"]
        flags += ["--autonomy", self.autonomy.name.lower(), "--effort", str(self.effort)]
        settings = self.settings
        for name in _FLAGS:
            if name in settings and not (name == "sandbox" and self.lifted):
                flags += [f"--{name.replace('_', '-')}", str(settings[name])]
        flags += ["--sandbox=off"] if self.lifted else []
        for rule in self.grants:
            dollars = str(settings.get("escalate", 1.0))
            flags += ["--escalate", dollars] if rule == str(ACCEPTED) else ["--allow", rule]
        flags += ["--json-schema", self.schema] if self.schema else []
        before = {
            f"WISP_{name.upper()}": ",".join(value) if isinstance(value, list) else value
            for name, value in settings.items()
            if name not in _ELSEWHERE
        }
        if strong:
            own = f"#{'' if alone else f'{self.number}.'}strong"
            before["WISP_STRONG"] = f"scripted:{script}{own}"
        words, piped = self._words()
        if self.kind == "fix" and self.number == 1:
            said = ["fix", *flags, *(["--", words] if words else [])]
        else:
            said = ["run", *(["-c"] if self.number > 1 else []), *flags, "-p", words]
        typed = [*(f"{name}={shlex.quote(str(each))}" for name, each in before.items()), "agent"]
        whole = f"{' '.join(typed)} {shlex.join(said)}"
        return f"printf '%s\\n' {shlex.quote(piped)} | {whole}" if piped else whole

    def _words(self) -> tuple[str, str]:
        """Return the prompt as it was typed, and what was piped in beside it."""
        words, begun, piped = self.prompt.partition(f"\n\n{STDIN}\n")
        end = "\n</stdin>"
        return (words, piped.removesuffix(end)) if begun and piped.endswith(end) else (words, "")


class Turns:
    """Folds a log into how each of its turns is run again."""

    def __init__(self) -> None:
        self.every: list[Again] = []
        self._autonomy, self._effort = Autonomy.RUN, 2
        self._settings: Mapping[str, Any] = {}
        self._grants: Sequence[str] = ()
        self._lifted = False

    def take(self, event: Base) -> None:
        """Take in one event."""
        match event:
            case SessionStarted() | SessionResumed():
                self._autonomy, self._effort = event.autonomy, event.effort
                self._settings = event.settings
            case StanceTaken():
                self._grants, self._lifted = event.grants, event.lifted
            case AutonomyChanged():
                self._autonomy = event.autonomy
                self._need("the slider moved during the turn")
            case EffortChanged():
                self._effort = event.effort
            case TurnStarted():
                self._begin(event)
            case TurnFinished():
                self._end(event)
            case Rewound():
                self._need("files went back to an earlier step after it: agent rewind")
            case _:
                self._with_a_person(event)

    def _begin(self, event: TurnStarted) -> None:
        settings = (self._autonomy, self._effort, self._settings, self._grants, self._lifted)
        turn = Again(len(self.every) + 1, event.kind, event.prompt, *settings)
        self.every.append(turn)
        if event.images:
            self._need(f"{len(event.images)} pictures went with the prompt: -i FILE")
        if marked(event.prompt):
            self._need("a secret was left out of the prompt")

    def _end(self, event: TurnFinished) -> None:
        turn = self.every[-1] if self.every else None
        if turn is None:
            return
        turn.outcome, turn.exit_code = event.outcome, event.exit_code
        if event.structured is not None and not turn.schema:
            self._need("an answer in a form was asked for: --json-schema")
        if event.outcome == "cancelled":
            self._need("it was cancelled; run again, it ends where the replies end")

    def _with_a_person(self, event: Base) -> None:
        match event:
            case HarnessSpoke(text=text) if text.startswith(ASK) and self.every:
                self.every[-1].schema = text.removeprefix(ASK)
            case ApprovalAnswered(by="user" | "script", approved=True, call_id=call):
                self._need(f"the call {call} was approved by a person: run it at a terminal")
            case QuestionAnswered(answer=str(answer)):
                self._need(f"a question of the model was answered: {answer[:80]}")
            case PromptTaken(prompt=prompt):
                self._need(f"this was typed while it ran: {prompt[:80]}")
            case ToolRequested(by="user", call=call):
                self._need(f"the user ran {call.name} {str(call.arguments)[:80]}")
            case _:
                pass

    def _need(self, what: str) -> None:
        if self.every and what not in self.every[-1].needs:
            self.every[-1].needs.append(what)
