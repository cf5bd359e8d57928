"""The work of `agent run`: the loop, then the project's own check where one was asked for.

And what a user may ask for beside it: a check, a conversation summed up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.bench import Bench
from agent.compaction import Compaction
from agent.errors import BudgetSpent
from agent.escalation import escalate
from agent.events import HarnessSpoke, Notice
from agent.loop import Loop
from agent.proving import red
from agent.replies import Replies
from agent.turn import Turn
from agent.verify import tally

if TYPE_CHECKING:
    from agent.form import Form

STALLED = (
    "You take over from another model, which went round in circles: it made the same calls again."
    " Go on with the task from here, in another way."
)
SUMMED = "the conversation was summed up"
SHORT = "nothing was summed up: the conversation is no longer than that would be"
RED = "You take over from another model. With its changes the check is red: {}. Repair that."


async def reason_and_act(turn: Turn, prompt: str) -> None:
    """Let the model work until it rests, verify what was changed, take the answer in its form.

    Raises WispError.
    """
    loop = Loop(
        model=turn.model,
        schemas=turn.tools(turn.model),
        barred=turn.barred(turn.model, prompt),
        calls=turn.calls,
        history=turn.session.history,
        emit=turn.emit,
        limits=turn.limits,
        effort=turn.effort,
        ahead=turn.ahead,
        in_play=turn.in_play(),
    )
    await _step(turn, loop)
    if loop.rest.stalled:
        await _go_on(turn, loop, "the model went round in circles", STALLED)
    if turn.calls.changing:
        await _verified(turn, loop, prompt)
    if turn.form is not None and not loop.rest.limit:
        await _answered(turn, loop, turn.form)


async def check(turn: Turn, prompt: str) -> None:
    """Prove, because the user asked for it, what was changed since `turn.since`.

    Where nothing was changed the check is run all the same. Raises WispError.
    """
    done = turn.done
    if turn.since is not None:
        done.verification = await turn.verify(prompt, asked=True)
    after = done.verification.after
    if after is None:
        async with Bench.open(turn.context, turn.emit, turn.copies) as bench:
            done.report = await bench.check()
        after = tally(done.report)
    done.text = f"{after.passed} passed, {after.failed} failed"
    if done.verification.after is not None:
        done.text += f"; {done.verification.reason or 'what was changed is verified'}"


async def compact(turn: Turn, prompt: str) -> None:
    """Sum up the conversation because the user asked for it; the `prompt` says what to keep."""
    replies = Replies(turn.emit)
    room = Compaction(turn.session.history, turn.emit, replies)
    try:
        shorter = await room.sum_up(turn.model, turn.tools(turn.model), prompt)
    finally:
        turn.done.usage, turn.done.retrying = replies.usage, replies.retrying
    turn.done.text = SUMMED if shorter else SHORT
    if not shorter:
        turn.emit(Notice(text=SHORT))


async def _verified(turn: Turn, loop: Loop, prompt: str) -> None:
    """Verify what was changed; where the check is red a strong model may go on."""
    done = turn.done
    done.verification = await turn.verify(prompt, asked=loop.rest.report is not None)
    if red(done.verification) and not done.limit:
        why = f"the check is red ({done.verification.reason})"
        if await _go_on(turn, loop, why, RED.format(done.verification.reason)):
            done.verification = await turn.verify(prompt, asked=loop.rest.report is not None)


async def _step(turn: Turn, loop: Loop) -> None:
    """Let the loop run; what it came to stands in the turn, after an error too."""
    try:
        await loop.run()
    except BudgetSpent as spent:
        loop.rest.limit = spent.message  # what was done until then is verified
    finally:
        _note(turn, loop)


def _note(turn: Turn, loop: Loop) -> None:
    rest, done = loop.rest, turn.done
    if turn.form is None:  # else the text is the answer, or there is none
        done.text = rest.text
    done.steps, done.limit = rest.steps, rest.limit
    done.usage, done.retrying = loop.replies.usage, loop.replies.retrying


async def _go_on(turn: Turn, loop: Loop, why: str, words: str) -> bool:
    """Go on over the same history with the strong model, told `words`; False where it may not."""
    messages = turn.session.history.messages
    size = len("".join(message.model_dump_json() for message in messages).encode())
    tools = len("".join(schema.model_dump_json() for schema in loop.schemas).encode())
    leaving = (
        f"the conversation so far: {len(messages)} messages, about {size:,} bytes",
        f"what the tools are: about {tools:,} bytes",
        "whatever it reads later: files here, and what commands and checks say",
    )
    model = await escalate(turn, why, leaving)
    if model is None:
        return False
    turn.emit(HarnessSpoke(text=words))
    loop.model, loop.schemas = model, turn.tools(model)
    loop.rest.limit, loop.rest.stalled, loop.temperature = "", False, 0.0
    await _step(turn, loop)
    return True


async def _answered(turn: Turn, loop: Loop, form: Form) -> None:
    """Ask for the final answer in its form; none is a job not done, and what was changed stands."""
    from agent.answer import answer  # only where it is asked for
    from agent.form import Amiss

    try:
        found = await answer(loop, form)
    except Amiss as last:
        turn.done.failed = f"no answer in the form asked for: {last.first}"
        turn.done.hint = "a simpler schema, or another model with --model"
        return
    finally:
        _note(turn, loop)
    if found is not None:
        turn.done.structured, turn.done.text = found.value, found.text
