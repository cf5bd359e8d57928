"""The process that holds a local model; here as a private child, that is asked over its stdin.

The first frame says what to load; `{"ready": …}` or `{"failed": …}` answers it. Then one request
at a time: each has an `id`, which every answer repeats, and ends with `done`, `error` or
`cancelled`. `{"cancel": id}` may come at any time. The process ends when its stdin does, and when
its parent dies. `_shared_host` is the one that several sessions ask.

Run as a file (`python -I _host.py`), so it adds the folder of its own package to the path itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.models._engine import Engine
    from agent.models._frames import Frame
    from agent.models._lanes import Constraint, Lane
    from agent.models._requests import Client, Stop
    from agent.models.chat import ChatTemplate, Turn

    Take = Callable[[Stop], tuple[Client, Frame] | None]


def loaded(settings: Mapping[str, Any]) -> Host | Frame:
    """Return a host that has loaded its model, or the frame that says why it cannot."""
    from agent.errors import ModelUnusable

    try:
        return Host(*_load(settings))
    except ImportError as error:
        return {"failed": {"kind": "missing", "text": str(error)}}
    except ModelUnusable as error:
        return {"failed": {"kind": "file", "text": error.message}}
    except Exception as error:
        # by name: the class lives in a module that may be what failed to import
        if type(error).__name__ != "Unloadable":
            raise
        return {"failed": {"kind": "file", "text": f"llama.cpp: {error}"}}


def _load(settings: Mapping[str, Any]) -> tuple[Engine, ChatTemplate]:
    """Load the model and its template; raises ImportError, ModelUnusable or Unloadable."""
    from agent.models import gguf

    path = Path(settings["path"])
    gguf.check(path)

    import llama_cpp.llama_cpp as lib
    import llguidance  # noqa: F401  # wanted later, in a thread: better missed now

    from agent.models._engine import Engine
    from agent.models._shelf import Shelf
    from agent.models.chat import ChatTemplate

    kept = settings["kept"]
    shelf = Shelf(Path(kept, _identity(path)) if kept else None)
    engine = Engine(path, settings["window"], plain=settings["plain"], shelf=shelf)

    def word(token: int) -> str:
        return engine.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    template = ChatTemplate(
        engine.metadata("tokenizer.chat_template"),
        engine.tokenise,
        bos=word(lib.llama_vocab_bos(engine.vocab)),
        eos=word(lib.llama_vocab_eos(engine.vocab)),
        opening=engine.opening(),
    )
    return engine, template


def _identity(path: Path) -> str:
    """Return a name for what computes cells: the file as it is now, and llama.cpp."""
    import hashlib

    import llama_cpp

    about = path.stat()
    said = f"{path.resolve()} {about.st_size} {about.st_mtime_ns} {llama_cpp.__version__}"
    return hashlib.blake2b(said.encode(errors="surrogateescape"), digest_size=12).hexdigest()


class Host:
    """Answers requests, one after another."""

    client: Client  # whose request is being answered

    def __init__(self, engine: Engine, template: ChatTemplate) -> None:
        self.engine = engine
        self.template = template

    @property
    def ready(self) -> Frame:
        """What is told once the model is loaded."""
        return {"ready": {"window": self.engine.window}}

    def serve(self, take: Take) -> None:
        """Answer until there is nothing more to take. A bug ends the process; its log says so."""
        from agent.models._engine import Cancelled, Overflow
        from agent.models._matching import BadGrammar

        while (taken := take(self.engine.stop)) is not None:
            self.client, request = taken
            number = request["id"]
            try:
                done = self.answer(request)
            except Cancelled:
                self.client.send({"id": number, "cancelled": True})
            except Overflow as error:
                told = {"kind": "overflow", "needed": error.needed, "window": error.window}
                self.client.send({"id": number, "error": told})
            except BadGrammar as error:
                self.client.send({"id": number, "error": {"kind": "grammar", "text": str(error)}})
            else:
                self.client.send({"id": number, "done": done})

        self.closing()

    def closing(self) -> None:
        """Do what is left to do before the process ends by itself; nothing is asked any more."""
        self.engine.stop.clear()

    def answer(self, request: Frame) -> Frame:
        """Return the last frame of a request; what comes before is sent from here."""
        self.engine.look_at_cores()
        form = request["op"]
        prompt = self.template.prompt(
            [_turn(message) for message in request["messages"]],
            request.get("prefill", ""),
            # what is sampled is an answer, or goes on with one
            thinking=form == "stream" and request["thinking"] > 0,
            level=request.get("level", ""),
        )
        if form == "count":
            return {"prompt": len(prompt)}
        if form == "stream":
            return self.stream(request, prompt)
        if form == "sample":
            return self.sample(request, prompt)
        if form == "complete":
            return self.complete(request, prompt)
        if form == "forks":
            return self.forks(request, prompt)
        return self.score(request, prompt)

    def _read(self, request: Frame, prompt: list[int], room: int) -> int:
        from agent.models._engine import Overflow

        if len(prompt) + room > self.engine.window:
            raise Overflow(len(prompt) + room, self.engine.window)
        return self.engine.read(
            prompt,
            lambda done, total: self.client.send({"id": request["id"], "prefill": [done, total]}),
        )

    def stream(self, request: Frame, prompt: list[int]) -> Frame:
        """Write one reply, which stays in the cache for the request after it."""
        from agent.models._lanes import Lane
        from agent.models._matching import AfterTrigger, Throughout, Vocabulary
        from agent.models._thought import Cap

        constrain: Constraint | None = None
        if grammar := request["grammar"]:
            words, trigger = Vocabulary.of(self.engine), request["trigger"]
            # without a trigger all of the reply is in the grammar
            constrain = (
                AfterTrigger(words, trigger, grammar, request["then"], request["once"])
                if trigger
                else Throughout(words, grammar)
            )
        room = min(request["max_tokens"] or request["room"], request["room"])
        cached = self._read(request, prompt, room)
        most = self.engine.window - len(prompt)
        limit = min(request["max_tokens"] or most, most)
        opened = self.template.opens and request["thinking"] > 0
        # half of the room is for the answer
        thinking = min(request["thinking"], limit // 2)
        cap = Cap(self.engine, thinking, opened=opened, inner=constrain)
        lane = Lane(request["seed"], request["temperature"], limit, request["stop"], cap)
        if opened:
            self.client.send({"id": request["id"], "opened": True})
        sent = 0

        def progress() -> None:
            nonlocal sent
            text = lane.settled
            if len(text) > sent:
                self.client.send({"id": request["id"], "text": text[sent:]})
                sent = len(text)

        self.engine.write([lane], keep=True, progress=progress)
        # before the last frame: a parent that has it may end this process
        self.engine.cells.save(self._shared_by_all(request, prompt))
        return {
            "prompt": len(prompt),
            "cached": cached,
            "written": lane.written,
            "tokens": lane.tokens,
            "text": lane.text,
            "stop": lane.ended,
            "opened": opened,
            "capped": thinking if cap.hit else 0,
        }

    def _shared_by_all(self, request: Frame, prompt: list[int]) -> int:
        """Return how many tokens of a prompt stand before what the user says."""
        from agent.models._shelf import common
        from agent.models.chat import Turn

        first = request["messages"][0]
        if first["role"] != "system":
            return 0
        return common(prompt, self.template.prompt([_turn(first), Turn("user", "")]))

    def sample(self, request: Frame, prompt: list[int]) -> Frame:
        """Write `n` continuations of one prompt, several in one batch."""
        from agent.models._cells import LANES
        from agent.models._lanes import Lane
        from agent.models._matching import Throughout, Vocabulary

        cached = self._read(request, prompt, request["max_tokens"])
        free = self.engine.window - len(prompt)
        together = self.engine.pace.best(max(1, min(LANES, free // request["max_tokens"])))
        draft = self.engine.tokenise(request["draft"])
        if draft:  # a copy one by one costs less than writing in a batch
            together = 1
        vocabulary = Vocabulary.of(self.engine) if request["grammar"] else None
        lanes: list[Lane] = []
        # without warmth all samples are one
        count = request["n"] if request["temperature"] > 0 else 1
        while len(lanes) < count:
            group = [
                Lane(
                    request["seed"] + len(lanes) + index,
                    request["temperature"],
                    request["max_tokens"],
                    request["stop"],
                    Throughout(vocabulary, request["grammar"]) if vocabulary else None,
                )
                for index in range(min(together, count - len(lanes)))
            ]
            if draft:
                self.engine.follow(group[0], draft)
            else:
                self.engine.write(group, keep=False)
            lanes += group
        samples = [_sample(lane) for lane in lanes]
        return {
            "prompt": len(prompt),
            "cached": cached,
            "written": sum(lane.written for lane in lanes),
            "samples": samples * (request["n"] if count == 1 else 1),
        }

    def complete(self, request: Frame, prompt: list[int]) -> Frame:
        """Continue several starts of one reply, each greedily, several in one batch."""
        from agent.models._cells import LANES
        from agent.models._lanes import Lane

        room = request["max_tokens"]
        own = [self.engine.tokenise(start) for start in request["starts"]]
        longest = max(map(len, own), default=0) + room
        if draft := self.engine.tokenise(request["draft"]):
            return self._copied(request, prompt, own, draft)
        cached = self._read(request, prompt, longest)
        room_for = (self.engine.window - len(prompt)) // longest
        together = self.engine.pace.best(max(1, min(LANES, room_for)))
        lanes: list[Lane] = []
        for first in range(0, len(own), together):
            after = own[first : first + together]
            group = [Lane(0, 0.0, room, request["stop"]) for _ in after]
            self.engine.write(group, keep=False, after=after)
            lanes += group
        return {
            "prompt": len(prompt) + sum(map(len, own)),
            "cached": cached,
            "written": sum(lane.written for lane in lanes),
            "samples": [_sample(lane) for lane in lanes],
        }

    def _copied(
        self, request: Frame, prompt: list[int], own: list[list[int]], draft: list[int]
    ) -> Frame:
        """Continue starts that go on much as a draft does: one by one, each from the last one's."""
        from agent.models._lanes import Lane

        lanes = {}
        known = 0
        for place in sorted(range(len(own)), key=lambda place: own[place]):
            whole = prompt + own[place]
            known += self._read(request, whole, request["max_tokens"])
            lanes[place] = Lane(0, 0.0, request["max_tokens"], request["stop"])
            self.engine.follow(lanes[place], draft)
        return {
            "prompt": len(prompt) * len(own) + sum(map(len, own)),
            "cached": known,
            "written": sum(lane.written for lane in lanes.values()),
            "samples": [_sample(lanes[place]) for place in range(len(own))],
        }

    def score(self, request: Frame, prompt: list[int]) -> Frame:
        """Weigh continuations of one prompt."""
        parts = [self.engine.tokenise(text) for text in request["continuations"]]
        cached = self._read(request, prompt, max(map(len, parts), default=0))
        return {
            "prompt": len(prompt) + sum(map(len, parts)),
            "cached": cached,
            "written": 0,
            "scores": [self.engine.score(part) for part in parts],
        }

    def forks(self, request: Frame, prompt: list[int]) -> Frame:
        """Tell where the model would leave a text; places are counted in characters."""
        tokens = self.engine.tokenise(request["text"])
        cached = self._read(request, prompt, len(tokens))
        pieces = [self.engine.piece(token) for token in tokens]
        found = []
        for place, other, logprob, way in self.engine.forks(tokens, request["top"]):
            with contextlib.suppress(UnicodeDecodeError):  # a place inside a character is none
                before = b"".join(pieces[:place]).decode()
                found.append([len(before), self.engine.piece(other).decode(), logprob, way])
        return {
            "prompt": len(prompt) + len(tokens),
            "cached": cached,
            "written": 0,
            "forks": found,
        }


def _sample(lane: Lane) -> Frame:
    return {
        "text": lane.text,
        "tokens": lane.written,
        "logprob": lane.logprob / max(1, lane.written),
        "stop": lane.ended,
    }


def _turn(message: Frame) -> Turn:
    from agent.models.chat import Turn

    return Turn(message["role"], message["text"], tuple(message.get("tokens", ())))


def main() -> None:
    """Load what the first frame names, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agent.models._pipes import Pipes
    from agent.models._requests import Requests

    pipes, requests = Pipes(), Requests()
    settings = pipes.first()

    def read() -> None:
        with contextlib.suppress(EOFError):
            while True:
                requests.put(pipes, pipes.receive())
        requests.end()

    # from here on: a parent that is gone ends the loading too
    threading.Thread(target=read, daemon=True).start()
    host = loaded(settings)
    if isinstance(host, dict):
        pipes.send(host)
        return
    pipes.send(host.ready)
    host.serve(requests.take)
    os._exit(0)  # threads still read


if __name__ == "__main__":
    main()
