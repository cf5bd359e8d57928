"""The child process that talks to remote models, by litellm: requests in on stdin, answers out.

Frames are as `_pipes` says. The first names the model and brings the key; `{"ready": …}` or
`{"failed": …}` answers it. Then one request at a time; each has an `id`, which every answer
repeats: `sent` bytes and `to` which host, `beat` for any byte that came, `delta`s, and at the end
`done`, `fault` or `cancelled`. `{"cancel": id}` may come at any time. Nothing is decided here: what
a failure means, and whether the reply was whole, is the parent's to say.

Run as a file (`python -I _remote.py`), so it adds the folder of its own package to the path itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.models._frames import Frame
    from agent.models._pipes import Pipes
    from agent.models._wire import Wire

Send = Callable[["Frame"], None]

READ_S = 3600.0  # how long silence is borne is the parent's to know; this is for when it is gone
# set before litellm is imported: it would fetch a list of prices, read a .env beside the project,
# and load tokenisers from elsewhere
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "CRITICAL",
    "DISABLE_AIOHTTP_TRANSPORT": "True",
    "DISABLE_HF_TOKENIZER_DOWNLOAD": "True",
    "HF_HUB_OFFLINE": "1",
    # a model may well repeat a piece of text
    "REPEATED_STREAMING_CHUNK_LIMIT": "1000000000",
}
_THINKING = ("thinking", "redacted_thinking")
EFFORTS = ("none", "minimal", "xhigh", "max")  # of thinking, which not every thinker has


class Remote:
    """Asks one model, one request after another."""

    def __init__(self, pipes: Pipes, settings: Mapping[str, Any]) -> None:
        import litellm

        from agent.models._wire import Watch

        self._litellm: Any = litellm
        self._pipes = pipes
        self._model: str = settings["model"]
        self._call = {
            name: settings[name] for name in ("api_key", "api_base") if settings.get(name)
        }
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        litellm.drop_params = True  # a setting that a model does not take is no reason to fail
        litellm.disable_streaming_logging = True
        litellm.disable_token_counter = True  # it takes half a second, and nobody asks
        litellm.num_retries = 0
        logging.disable(logging.CRITICAL)
        self._watch = Watch()

    def about(self) -> Frame:
        """Return what litellm knows of the model; nothing of what it does not."""
        info: Any = {}
        # of a model of Ollama it would ask the server, at an address that may be another
        if not self._model.startswith("ollama"):
            # a plain Exception is what litellm raises for a model it does not know
            with contextlib.suppress(Exception):
                info = self._litellm.get_model_info(self._model)
        prices = [info.get(f"{each}_cost_per_token") or 0.0 for each in ("input", "output")]
        return {
            "host": self._watch.host,  # of the request that was held back at the start
            "window": info.get("max_input_tokens"),
            "output": info.get("max_output_tokens"),
            "calls": info.get("supports_function_calling"),
            "sees": info.get("supports_vision"),
            "forms": info.get("supports_response_schema"),
            "reasons": info.get("supports_reasoning"),
            "efforts": [each for each in EFFORTS if info.get(f"supports_{each}_reasoning_effort")],
            "default_effort": info.get("default_reasoning_effort"),
            "prices": prices,
        }

    async def serve(self) -> None:
        """Say that we are ready, and answer until the parent closes the pipe."""
        # what litellm loads with its first request takes a second; that request stays here
        with contextlib.suppress(Exception):
            await self._completion({"messages": [{"role": "user", "content": "-"}]})
        self._pipes.send({"ready": self.about()})
        task: asyncio.Task[None] | None = None
        number = 0
        async for frame in self._pipes.frames():
            if "cancel" not in frame:
                number = frame["id"]
                task = asyncio.create_task(self._answer(frame))
            elif task is not None and frame["cancel"] == number:
                task.cancel()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await self._litellm.close_litellm_async_clients()

    async def _answer(self, request: Frame) -> None:
        number = request["id"]

        def tell(frame: Frame) -> None:
            self._pipes.send({"id": number, **frame})

        with self._watch.request(tell) as wire:
            try:
                tell({"done": await self._stream(request["params"], wire, tell)})
            except asyncio.CancelledError:
                tell({"cancelled": True})
            except Exception as error:  # whatever litellm raises is told, and judged by the parent
                tell({"fault": wire.fault(error)})

    async def _completion(self, params: Frame) -> Any:
        return await self._litellm.acompletion(
            model=self._model,
            stream=True,
            stream_options={"include_usage": True},
            num_retries=0,
            max_retries=0,
            timeout=READ_S,
            # with tools it would ask its gateway to MCP servers whether they are its own; that one
            # imports `mcp`, which does not come with litellm (so still in 1.106.2)
            _skip_mcp_handler=True,
            **self._call,
            **params,
        )

    async def _stream(self, params: Frame, wire: Wire, tell: Send) -> Frame:
        stream = await self._completion(params)
        usage: Any = None
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                usage = getattr(chunk, "usage", None) or usage
                if chunk.choices and (delta := _delta(chunk.choices[0].delta)):
                    tell({"delta": delta})
        # at a cut stream litellm says `stop` too; only here is what the provider said
        finish = stream.received_finish_reason or stream.intermittent_finish_reason
        return {
            "finish": finish or ("stop" if wire.closed else None),
            "usage": self._used(usage),
        }

    def _used(self, usage: Any) -> Frame:
        if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
            return {}
        details = getattr(usage, "prompt_tokens_details", None)
        try:
            cost = sum(self._litellm.cost_per_token(model=self._model, usage_object=usage))
        except Exception:  # as above: its price is not known
            cost = 0.0
        return {
            "input": usage.prompt_tokens or 0,
            "cached": getattr(details, "cached_tokens", None) or 0,
            "output": usage.completion_tokens or 0,
            "cost": cost,
        }


def _delta(delta: Any) -> Frame:
    """Return what is in a piece of the reply, without what is empty."""
    found: Frame = {
        "text": getattr(delta, "content", None),
        "reasoning": getattr(delta, "reasoning_content", None),
        "blocks": [
            dict(each)
            for each in getattr(delta, "thinking_blocks", None) or ()
            if dict(each).get("type") in _THINKING
        ],
        "calls": [_fragment(each) for each in getattr(delta, "tool_calls", None) or ()],
    }
    return {name: value for name, value in found.items() if value}


def _fragment(call: Any) -> Frame:
    function = getattr(call, "function", None)
    fields = getattr(call, "provider_specific_fields", None)
    return {
        "index": getattr(call, "index", None),
        "id": getattr(call, "id", None),
        "name": getattr(function, "name", None),
        "arguments": getattr(function, "arguments", None),
        **({"fields": dict(fields)} if fields else {}),
    }


def main() -> None:
    """Load litellm, say what it knows of the model, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agent.models._pipes import Pipes
    from agent.models.providers import loopback

    pipes = Pipes()
    settings = pipes.first()
    os.environ.update(SETTINGS)
    if loopback(settings.get("api_base") or ""):
        os.environ |= {"NO_PROXY": "*", "no_proxy": "*"}  # what is for this machine stays on it
    try:
        remote = Remote(pipes, settings)
    except ImportError as error:
        pipes.send({"failed": {"kind": "missing", "text": str(error)}})
        return
    asyncio.run(remote.serve())
    os._exit(0)  # nothing is left to do; what litellm has at exit may take longer than we are given


if __name__ == "__main__":
    main()
