"""The final answer in the form that was asked for: one more request, and a few repairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.form import Amiss, Answer

if TYPE_CHECKING:
    from agent.form import Form
    from agent.loop import Loop

REPAIRS = 3
ASK = (
    "Now give your final answer as one JSON value, with no words around it. "
    "It must be valid under this JSON schema:\n"
)
AGAIN = "That is no valid answer:\n{}\nGive the whole JSON value again, and nothing else."
CUT = "your reply was cut off at its limit of tokens; be shorter"


async def answer(loop: Loop, form: Form) -> Answer | None:
    """Return the answer of a loop that has come to rest, or None when a limit ended it.

    The loop's own last reply counts where it is such an answer already. Otherwise the model is
    asked for it, over the same history, and asked again with what was wrong. Raises Amiss with the
    last mistake, and ModelError.
    """
    try:
        return form.read(loop.rest.text, alone=True)
    except Amiss as missing:
        last = missing
    said = ASK + json.dumps(form.schema, ensure_ascii=False)
    for _ in range(1 + REPAIRS):
        reply = await loop.ask(said, form.schema)
        if reply is None:
            return None
        try:
            return form.read(reply.message.text)
        except Amiss as error:
            last = Amiss(CUT) if reply.stop == "length" else error
            said = AGAIN.format(last)
    raise last
