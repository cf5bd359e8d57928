"""A recording in lines, as the interface in lines shows a run, with what the user typed."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TextIO

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Base,
    PromptTaken,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.ledger import Ledger
from agent.ledger import told as left
from tui.playback.clock import AT_ONCE
from tui.playback.recording import Recording
from tui.told import Told
from tui.words import target


def tell(recording: Recording, out: TextIO, speed: float) -> None:
    """Write all of it; with a speed each line comes when it is due."""
    told, ledger = Told(out, out), Ledger()
    waits = [0.0, *(after - before for before, after in pairwise(recording.due))]
    for event, wait in zip(recording.events, waits, strict=True):
        if speed != AT_ONCE:
            time.sleep(wait / speed)
        ledger.read(event)
        match event:
            case SessionStarted():
                told.started(event)
            case TurnFinished():
                told.ended(event, left(ledger.left, ledger.online))
            case _:
                if line := _typed(event):
                    told.say(line)
                told.read(event)


def _typed(event: Base) -> str:
    """Return what the user did, and what they were asked; empty for any other event."""
    match event:
        case TurnStarted(prompt=prompt, kind=kind):
            return f"> {prompt}" if kind == "run" else f"> /{kind} {prompt}".rstrip()
        case PromptTaken(prompt=prompt):
            return f"> {prompt}"
        case ToolRequested(call=call, by="user"):
            return f"! {target(call)}"
        case ApprovalAsked(preview=preview):
            return f"  asked: {preview.title}"
        case ApprovalAnswered(approved=approved, by=by, feedback=word):
            told = f"  answered: {'yes' if approved else 'no'}, by {by}"
            return f"{told}: {word}" if word else told
        case QuestionAsked(question=question, choices=choices):
            return "\n".join(
                [f"  the model asks: {question}", *(f"  - {choice}" for choice in choices)]
            )
        case QuestionAnswered(answer=answer):
            return f"  answered: {answer or 'nothing'}"
        case _:
            return ""
