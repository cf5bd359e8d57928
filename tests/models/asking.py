"""A session in a process of its own: asks a shared host once, and prints what comes, as JSON.

`python asking.py MODEL STATE PROMPT TOKENS`
"""

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path

from agent.messages import UserMessage
from agent.models.base import ModelRequest, PrefillChunk, ReplyChunk
from agent.models.llamacpp import LlamaCpp, Shared

WINDOW = 4096


async def main(file: str, state: str, prompt: str, tokens: int) -> None:
    model = LlamaCpp(Path(file), window=WINDOW, shared=Shared(Path(state), 60))
    request = ModelRequest((UserMessage(text=prompt),), max_tokens=tokens)
    async with aclosing(model.stream(request)) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, PrefillChunk):
                print(json.dumps({"done": chunk.done}), flush=True)
            elif isinstance(chunk, ReplyChunk):
                print(json.dumps({"input": chunk.usage.input, "cached": chunk.usage.cached}))
    await model.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))
