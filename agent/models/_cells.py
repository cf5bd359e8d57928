"""The KV cells of one context: what sequence 0 holds, and the shelf for what must make way.

Every prompt is read into sequence 0. Where a prompt that was read before begins like it, its cells
are copied back and only the rest is read: so a repair goes to and fro between functions, a second
session begins where the first began, and a resumed one where it stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import llama_cpp.llama_cpp as lib

from agent.models._shelf import Node, Shelf, common

WORTH = 32  # tokens: fewer are read anew
LANES = 8  # sequences beside 0: the lanes of one request; between requests they are free


class Cells:
    """The tokens in sequence 0, and ways to have them back.

    A memory that cannot be cut (recurrent models) keeps no more than it holds.
    """

    def __init__(self, context: Any, model: Any, shelf: Shelf) -> None:
        self.tokens: list[int] = []
        self._context = context
        self._memory = lib.llama_get_memory(context)
        self._shelf = shelf
        self._divisible = not (
            lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model)
        )

    @contextlib.contextmanager
    def true(self) -> Iterator[None]:
        """Whatever happens inside, the cache holds exactly `tokens` afterwards, in sequence 0."""
        try:
            yield
        finally:
            lib.llama_memory_seq_rm(self._memory, 0, len(self.tokens), -1)
            for lane in range(1, LANES + 1):
                lib.llama_memory_seq_rm(self._memory, lane, -1, -1)

    def fork(self, lane: int) -> None:
        """Let a lane begin with what sequence 0 holds; costs nothing."""
        lib.llama_memory_seq_cp(self._memory, 0, lane, -1, -1)

    def drop(self, lane: int, start: int) -> None:
        """Take out of a lane what is at this position and after it."""
        lib.llama_memory_seq_rm(self._memory, lane, start, -1)

    def begin(self, prompt: Sequence[int]) -> int:
        """Make sequence 0 the longest known beginning of a prompt; return its length in tokens.

        At least the last token of the prompt is left to be read.
        """
        wanted = prompt[: len(prompt) - 1]
        here = common(self.tokens, wanted)
        if len(self.tokens) - here >= WORTH:
            self.keep()
        self._cut(here)
        way = self._shelf.find(wanted) if self._divisible else []
        there = sum(count for _, count in way)
        if there - here < WORTH:
            return len(self.tokens)
        self._cut(0)
        for node, count in way:
            if not self._restore(node):
                break
            self._cut(len(self.tokens) - len(node.tokens) + count)
        self._shelf.touch([node for node, _ in way])
        return len(self.tokens)

    def keep(self, upto: int | None = None, *, lasting: bool = False) -> None:
        """Put what sequence 0 begins with on the shelf; `lasting` for other processes too."""
        tokens = self.tokens[:upto]
        if not self._divisible or not tokens:
            return
        with self.true():
            way = self._shelf.find(tokens)
            if sum(count for _, count in way) == len(tokens):
                if lasting:
                    self._shelf.last([node for node, _ in way])
                return
            nodes = [node for node, count in way if count == len(node.tokens)]
            start = sum(len(node.tokens) for node in nodes)
            if len(way) > len(nodes) and way[-1][1] >= WORTH:
                node, count = way[-1]
                if first := self._split(node, count, start):
                    start += count
                    nodes.append(first)
            after = nodes[-1] if nodes else None
            cells = self._taken(0, start, len(tokens))
            nodes.append(self._shelf.add(after, tokens[start:], cells, lasting=lasting))
            if lasting:
                self._shelf.last(nodes)

    def save(self, fixed: int) -> None:
        """Let sequence 0 outlast the process, where that is wanted; its `fixed` start by itself."""
        if self._shelf.lasts:
            self.keep(fixed, lasting=True)
            self.keep(lasting=True)
            self._shelf.save()

    def _split(self, node: Node, count: int, start: int) -> Node | None:
        """Make two of a node that starts at this place; return the first, None if it is lost."""
        if not self._put(node, 1):
            return None
        head = self._taken(1, start, start + count)
        tail = self._taken(1, start + count, start + len(node.tokens))
        lib.llama_memory_seq_rm(self._memory, 1, -1, -1)
        return self._shelf.split(node, count, head, tail)

    def _restore(self, node: Node) -> bool:
        """Bring a node's cells to the end of sequence 0."""
        if not self._put(node, 1):
            return False
        lib.llama_memory_seq_cp(self._memory, 1, 0, -1, -1)
        lib.llama_memory_seq_rm(self._memory, 1, -1, -1)
        self.tokens += node.tokens.tolist()
        return True

    def _put(self, node: Node, lane: int) -> bool:
        """Bring a node's cells into a free lane."""
        cells = self._shelf.cells(node)
        data = (ctypes.c_uint8 * len(cells)).from_buffer_copy(cells)
        if cells and lib.llama_state_seq_set_data(self._context, data, len(cells), lane):
            return True
        self.drop(lane, 0)  # no room for it, or no such cells
        return False

    def _taken(self, sequence: int, start: int, end: int) -> bytes:
        """Return the cells of a part of a sequence."""
        lane = 2
        lib.llama_memory_seq_cp(self._memory, sequence, lane, start, end)
        size = lib.llama_state_seq_get_size(self._context, lane)
        data = (ctypes.c_uint8 * size)()
        lib.llama_state_seq_get_data(self._context, data, size, lane)
        lib.llama_memory_seq_rm(self._memory, lane, -1, -1)
        return bytes(data)

    def _cut(self, count: int) -> None:
        """Leave so many tokens in sequence 0."""
        if not lib.llama_memory_seq_rm(self._memory, 0, count, -1):
            # a recurrent memory cannot go back in part
            lib.llama_memory_clear(self._memory, False)
            count = 0
        del self.tokens[count:]
