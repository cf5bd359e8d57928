"""Who answers when the policy asks, where there is no screen: a line prompt, or a refusal."""

from __future__ import annotations

import asyncio
import os
import sys

from agent.events import ApprovalAnswered, ApprovalAsked, Ask
from agent.faces import say
from agent.terminal import exact, size
from tools.base import Question


async def refuse(asked: ApprovalAsked) -> ApprovalAnswered:
    """Nobody is there: the answer is no, and the model can read why."""
    return ApprovalAnswered(call_id=asked.call_id, approved=False, by="headless")


async def line_prompt(asked: ApprovalAsked) -> ApprovalAnswered:
    """Ask on the terminal: yes, no, or a word to the model instead of a yes."""
    preview = asked.preview
    say(f"\n{exact(preview.title)}")
    if preview.body:
        say(exact(preview.body))
        say(f"({size(preview.body)})")  # where it is long its head has gone out of sight
    say(f"asks: {' + '.join(asked.effects)}; {exact(asked.reason)}")
    answer = (await _line("allow once? [y/N, or say why not] ")).strip()
    yes = answer.lower() in ("y", "yes")
    word = "" if yes or answer.lower() in ("", "n", "no") else answer
    return ApprovalAnswered(call_id=asked.call_id, approved=yes, by="user", feedback=word)


async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
    """Nobody is there to answer a question."""
    return None


async def line_question(question: str, choices: tuple[str, ...]) -> str | None:
    """Ask on the terminal; an empty line is no answer."""
    say(f"\n{exact(question)}")
    for number, choice in enumerate(choices, 1):
        say(f"  {number}. {exact(choice)}")
    answer = (await _line("> ")).strip()
    if answer.isdigit() and 1 <= int(answer) <= len(choices):
        return choices[int(answer) - 1]
    return answer or None


def pick(interactive: bool) -> tuple[Ask, Question]:
    """Return who answers approvals and questions."""
    return (line_prompt, line_question) if interactive else (refuse, nobody)


async def _line(prompt: str) -> str:
    """Read one line from the terminal without holding up anything else; cancellable."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
        # not through the buffer of sys.stdin: a line kept there would never wake us again
        return os.read(sys.stdin.fileno(), 4096).decode(errors="replace")
    finally:
        loop.remove_reader(sys.stdin.fileno())
