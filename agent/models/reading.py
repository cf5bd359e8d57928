"""What of a reply may be shown while it is being written.

A call is not text for a person, and thinking is not the answer. Neither can be known from a first
character, so text that may still become one is held back; what may become one is said by the same
tables that read whole replies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.models.dialects.channels import Channels
from agent.models.dialects.table import openings, unwrapped
from agent.models.toolcalls import ParsedReply
from tools.base import ToolSchema


class Reading:
    """Follows one reply as it comes in, and says what is certain: `(thinking, text)` pairs."""

    def __init__(self, tools: Sequence[ToolSchema | str], *, opened: bool = False) -> None:
        """Start a reply; `opened` says that the prompt ended inside of a thought."""
        names = tuple(tool if isinstance(tool, str) else tool.name for tool in tools)
        self._openings = openings(names) if names else None
        self._channels = Channels(opened=opened)
        self._answer = ""
        self._shown = 0  # of the answer, leading space included
        self._said = 0  # what `finish` compares with: characters of the answer shown
        self._held = False  # a call may have begun; nothing is shown after it

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Take more of the reply and yield what can be shown of it."""
        for thinking, part in self._channels.feed(text):
            if thinking:
                yield True, part
            else:
                self._answer += part
        yield from self._show()

    def _show(self) -> Iterator[tuple[bool, str]]:
        if self._held:
            return
        if not self._said:
            self._shown = len(self._answer) - len(self._answer.lstrip())
        end = len(self._answer)
        if self._openings:
            if call := self._openings.whole.search(self._answer, self._shown):
                self._held = True
                end = self._shown + len(unwrapped(self._answer[self._shown : call.start()]))
            elif maybe := self._openings.begun.search(self._answer, self._shown):
                end = maybe.start()
        # a space at the end may turn out to be the end of the answer
        text = self._answer[self._shown : end].rstrip()
        if text:
            yield False, text
            self._shown += len(text)
            self._said += len(text)

    def finish(self, reply: ParsedReply, *, cut: bool = False) -> Iterator[tuple[bool, str]]:
        """Yield what was held back and turned out to be thinking or text; `cut` as in `parse`."""
        for thinking, part in self._channels.end(cut=cut):
            if thinking:
                yield True, part
        if len(reply.text) > self._said:
            yield False, reply.text[self._said :]
