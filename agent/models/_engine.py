"""llama.cpp, as the child process drives it: a KV cache with a memory, and lanes that continue it.

Only the child imports this. The low-level API is used throughout: the high-level one copies logits,
keeps no prefix across sequences, and cannot be stopped in the middle of a prompt.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np

from agent.models._cells import LANES, Cells
from agent.models._cores import FreeCores
from agent.models._lanes import Guesses, Lane, Logits, choose, log_softmax
from agent.models._pace import Pace
from agent.models._shelf import Shelf

BATCH = 128  # tokens of a prompt read at a time: the grain of progress
ROWS = 32  # tokens whose logits are kept at a time


class Cancelled(Exception):
    """The request was called off; the cache is as consistent as before it."""


class Overflow(Exception):
    """The request needs more tokens than the window has."""

    def __init__(self, needed: int, window: int) -> None:
        super().__init__(f"{needed} tokens do not fit a window of {window}")
        self.needed = needed
        self.window = window


class Unloadable(Exception):
    """llama.cpp refused the file."""


class StopFlag:
    """A flag that llama.cpp reads between the nodes of its graph, without Python or its lock.

    The abort callback has the shape `bool (*)(void *)`. `strlen` of two bytes has it too: 0 for an
    empty string, 1 once the first byte is set. So a cancel costs nothing while nobody cancels.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(2)
        self.callback = lib.ggml_abort_callback(
            ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p).value or 0
        )
        self.data = ctypes.cast(self._bytes, ctypes.c_void_p)

    def __bool__(self) -> bool:
        return self._bytes.raw[0] != 0

    def set(self) -> None:
        """Stop what is running; callable from any thread."""
        self._bytes[0] = b"\x01"

    def clear(self) -> None:
        """Make ready for the next request."""
        self._bytes[0] = b"\x00"


class Engine:
    """One model in memory and the tokens in its KV cache.

    Sequence 0 holds the conversation; sequences from 1 on are lanes of one request. All methods
    belong to one thread; only `stop` may be set from another.
    """

    def __init__(
        self, path: Path, window: int, *, plain: bool = False, shelf: Shelf | None = None
    ) -> None:
        """Load the file; raises Unloadable with llama.cpp's own last words.

        `plain` keeps the weights as they are in the file. Repacked for the processor they are
        faster, but some builds then run code that was compiled wrongly (AMX by GCC 12).
        """
        self.stop = StopFlag()
        self.cores = FreeCores()
        self.pace = Pace()
        self._threads = 0
        self.log: deque[str] = deque(maxlen=40)
        # llama.cpp keeps the pointer: a callback that is collected crashes the process
        self._log_callback = lib.llama_log_callback(self._keep_log)
        lib.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        lib.llama_backend_init()
        options = lib.llama_model_default_params()
        options.n_gpu_layers = -1 if lib.llama_supports_gpu_offload() else 0
        options.use_extra_bufts = not plain
        self.model = lib.llama_model_load_from_file(os.fsencode(path), options)
        if not self.model:
            raise Unloadable(self.last_words())
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.vocab_size = lib.llama_vocab_n_tokens(self.vocab)
        context = lib.llama_context_default_params()
        context.n_ctx = window
        context.n_batch = context.n_ubatch = BATCH
        context.n_seq_max = LANES + 1
        context.kv_unified = True
        context.n_threads = context.n_threads_batch = self.cores.choose()
        context.abort_callback = self.stop.callback
        context.abort_callback_data = self.stop.data
        context.no_perf = True
        self.context = lib.llama_init_from_model(self.model, context)
        if not self.context:
            raise Unloadable(self.last_words())
        self.window = lib.llama_n_ctx(self.context)
        self.cells = Cells(self.context, self.model, shelf or Shelf(None))
        self.batch = lib.llama_batch_init(BATCH, 0, 1)
        self._pieces: dict[int, bytes] = {}

    def _keep_log(self, level: int, text: bytes | None, _data: Any) -> None:
        if text and level >= 3:  # warnings and errors
            self.log.append(text.decode("utf-8", "replace").strip())

    def last_words(self) -> str:
        """Return the last error line that llama.cpp wrote."""
        lines = [line for line in self.log if line]
        return lines[-1] if lines else "no reason given"

    def metadata(self, key: str) -> str:
        """Return a metadata value of the file, empty where there is none."""
        size = 1 << 16
        buffer = ctypes.create_string_buffer(size)
        length = lib.llama_model_meta_val_str(self.model, key.encode(), buffer, size)
        if length >= size:
            buffer = ctypes.create_string_buffer(length + 1)
            lib.llama_model_meta_val_str(self.model, key.encode(), buffer, length + 1)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    # words and tokens

    def tokenise(self, text: str, special: bool = False) -> list[int]:
        """Return the tokens of a text; only with `special` can it hold control tokens."""
        if not text:
            return []
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        ids = (lib.llama_token * room)()
        count = lib.llama_tokenize(self.vocab, data, len(data), ids, room, False, special)
        return list(ids[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for, control tokens included."""
        found = self._pieces.get(token)
        if found is None:
            buffer = ctypes.create_string_buffer(512)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, 512, 0, True)
            found = self._pieces[token] = buffer.raw[: max(size, 0)]
        return found

    def opening(self) -> list[int]:
        """Return the token that the file wants before everything, if it wants one."""
        if lib.llama_vocab_get_add_bos(self.vocab):
            return [int(lib.llama_vocab_bos(self.vocab))]
        return []

    # the cache

    def _decode(self, entries: Sequence[tuple[int, int, int, bool]]) -> None:
        """Decode (token, position, sequence, wants logits) entries, at most BATCH of them."""
        batch = self.batch
        batch.n_tokens = len(entries)
        for index, (token, position, sequence, logits) in enumerate(entries):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = logits
        status = lib.llama_decode(self.context, batch)
        if status == 2 or (status == 0 and self.stop):
            raise Cancelled
        if status == 1:
            raise Overflow(max(entry[1] for entry in entries) + 1, self.window)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}: {self.last_words()}")

    def _logits(self, index: int) -> Logits:
        pointer = lib.llama_get_logits_ith(self.context, index)
        view = np.ctypeslib.as_array(pointer, shape=(self.vocab_size,))
        return np.array(view, dtype=np.float32)

    def look_at_cores(self) -> None:
        """Choose the number of threads from the cores that are free now."""
        threads = self.cores.choose()
        if threads != self._threads:
            self._threads = threads
            self.pace.forget()
        lib.llama_set_n_threads(self.context, threads, threads)

    def read(self, prompt: Sequence[int], progress: Callable[[int, int], None]) -> int:
        """Bring sequence 0 to exactly `prompt` with logits for its end; return what was cached."""
        shared = self.cells.begin(prompt)
        with self.cells.true():
            progress(shared, len(prompt))
            for start in range(shared, len(prompt), BATCH):
                part = prompt[start : start + BATCH]
                last = start + len(part) == len(prompt)
                self._decode(
                    [
                        (token, start + index, 0, last and index == len(part) - 1)
                        for index, token in enumerate(part)
                    ]
                )
                self.cells.tokens += part
                progress(len(self.cells.tokens), len(prompt))
            self._end = self._logits(-1)
        return shared

    def write(
        self,
        lanes: Sequence[Lane],
        *,
        keep: bool,
        after: Sequence[Sequence[int]] = (),
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Continue the prompt that was just read, in every lane, until each has ended.

        With `after` each lane first has tokens of its own. With `keep` there is one lane and its
        tokens stay in sequence 0; otherwise the cache is the prompt again afterwards.
        """
        assert len(lanes) == 1 or not keep
        sequences = [0] if keep else list(range(1, len(lanes) + 1))
        starts = [len(self.cells.tokens)] * len(lanes)
        logits = [self._end] * len(lanes)
        with self.cells.true():
            if not keep:
                for sequence in sequences:
                    self.cells.fork(sequence)
            for index, own in enumerate(after):
                logits[index] = self._read_on(own, sequences[index])
                starts[index] += len(own)
            live = list(range(len(lanes)))
            while live:
                entries: list[tuple[int, int, int, bool]] = []
                for index, values in zip(live, logits, strict=True):
                    lane = lanes[index]
                    token, logprob = choose(values, lane)
                    final = bool(lib.llama_vocab_is_eog(self.vocab, token))
                    lane.accept(token, self.piece(token), logprob, final)
                    if not lane.ended:
                        position = starts[index] + len(lane.tokens) - 1
                        entries.append((token, position, sequences[index], True))
                progress()
                live = [index for index in live if not lanes[index].ended]
                if not live:
                    return
                if self.cores.stale():
                    self.look_at_cores()
                began = time.monotonic()
                self._decode(entries)
                self.pace.took(len(entries), time.monotonic() - began)
                if keep:
                    self.cells.tokens.append(entries[0][0])
                logits = [self._logits(index) for index in range(len(entries))]

    def _read_on(self, tokens: Sequence[int], sequence: int) -> Logits:
        """Read tokens after the prompt into a lane's sequence; return the logits of their end."""
        row, base = self._end, len(self.cells.tokens)
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            last = len(part) - 1
            self._decode([(t, base + start + i, sequence, i == last) for i, t in enumerate(part)])
            row = self._logits(-1)
        return row

    def follow(self, lane: Lane, draft: Sequence[int]) -> None:
        """Continue the prompt just read in one lane, which may well go on as `draft` does.

        A guess is read in one batch and kept as far as the lane would have chosen the same, so the
        text is what `write` gives; a copy costs what reading costs. The cache is the prompt again
        afterwards. Leviathan, Kalman, Matias: Fast Inference from Transformers via Speculative
        Decoding (2023); the guesses are the draft's own words (prompt lookup, Saxena 2023).
        """
        base = len(self.cells.tokens)
        guesses = Guesses(draft)
        with self.cells.true():
            self.cells.fork(1)
            rows: list[Logits] = [self._end]
            guess: Sequence[int] = ()
            while True:
                for index, row in enumerate(rows):
                    token, logprob = choose(row, lane)
                    lane.accept(
                        token,
                        self.piece(token),
                        logprob,
                        bool(lib.llama_vocab_is_eog(self.vocab, token)),
                    )
                    if lane.ended:
                        return
                    if index == len(guess) or guess[index] != token:
                        break
                written = len(lane.tokens)
                # what was guessed wrongly leaves the cache again
                self.cells.drop(1, base + written - 1)
                guess = guesses.after(lane.tokens, index)
                part = [lane.tokens[-1], *guess]
                self._decode([(t, base + written - 1 + i, 1, True) for i, t in enumerate(part)])
                rows = [self._logits(place) for place in range(len(part))]

    def rows(self, continuation: Sequence[int]) -> Iterator[Logits]:
        """Yield the logits that stand before each token which follows the prompt just read."""
        base = len(self.cells.tokens)
        with self.cells.true():
            self.cells.fork(1)
            if continuation:
                yield self._end
            # in small bites: each token wanted keeps a row of the vocabulary's size
            for start in range(0, len(continuation) - 1, ROWS):
                part = continuation[start : min(start + ROWS, len(continuation) - 1)]
                self._decode([(t, base + start + i, 1, True) for i, t in enumerate(part)])
                for index in range(len(part)):
                    yield self._logits(index)

    def score(self, continuation: Sequence[int]) -> float:
        """Return the log-probability, in nats, of tokens after the prompt that was just read."""
        rows = zip(self.rows(continuation), continuation, strict=True)
        return sum(float(log_softmax(row)[token]) for row, token in rows)

    def forks(self, continuation: Sequence[int], top: int) -> list[tuple[int, int, float, float]]:
        """Return (how many tokens come first, another token, its log-probability, theirs), in nats.

        For each token of a continuation of the prompt just read, the `top` likeliest others.
        """
        found, before = [], 0.0
        for place, (row, token) in enumerate(
            zip(self.rows(continuation), continuation, strict=True)
        ):
            values = log_softmax(row)
            own, values[token] = float(values[token]), -np.inf
            best = np.argpartition(values, -top)[-top:]
            found += [(place, int(other), float(values[other]), before) for other in best]
            before += own
        return found
