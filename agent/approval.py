"""Who answers when the policy asks, where there is no screen: a line prompt, or a refusal."""

from __future__ import annotations

import asyncio
import os
import sys

from agent.events import ApprovalAnswered, ApprovalAsked, Ask
from agent.lines import say
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
    if asked.taint is not None:
        say(f"it has read text from {exact(asked.taint.source)}, which may have asked for this:")
        say("\n".join(f"  | {exact(line)}" for line in asked.taint.text.splitlines()))
    always = "/always" if asked.grant else ""
    answer = (await _line(f"allow once? [y/N{always}, or say why not] ")).strip()
    yes = answer.lower() in ("y", "yes")
    grant = None
    if asked.grant is not None and answer.lower() in ("a", "always"):
        say(f"the rule, for this workspace: {asked.grant}")
        yes = await _agreed("write it, and allow this? [y/N] ")
        answer, grant = "", asked.grant if yes else None
    word = "" if yes or answer.lower() in ("", "n", "no") else answer
    return ApprovalAnswered(
        call_id=asked.call_id, approved=yes, by="user", feedback=word, grant=grant
    )


async def _agreed(question: str) -> bool:
    return (await _line(question)).strip().lower() in ("y", "yes")


def person_is_there() -> bool:
    """Whether somebody can be asked on a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask on the terminal for a yes, before anything runs."""
    return asyncio.run(_agreed(question))


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
