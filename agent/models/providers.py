"""The providers of remote models: how each is named, where its key is found, what it wants.

A model is named `provider/model`, mostly as litellm has it. litellm knows more providers; those
here can hold a conversation with tools and take one key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.models._route import here

SMALL_BILLIONS = 6.0  # weights; one with fewer is told of fewer tools
_BILLIONS = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and where it was found, as a message names it: a variable, the keyring, a file."""

    text: str = field(repr=False)
    source: str


KeyFor = Callable[[str], Key | None]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider; `variables` may hold its key, the first that is set counts.

    `base` is its address where that is on this machine; such a server needs no key. `reasoning`
    says that it wants the reasoning of earlier replies back. `route` is what litellm calls it, and
    `list` the address of its own list of models, where that tells more windows than litellm knows.
    """

    name: str
    variables: tuple[str, ...]
    base: str = ""
    reasoning: bool = False
    route: str = ""
    list: str = ""

    def called(self, model: str) -> str:
        """Return a model's name as litellm has it."""
        return f"{self.route or self.name}/{model}"


def _plain(*names: str) -> list[Provider]:
    return [Provider(name, (f"{name.upper()}_API_KEY",)) for name in names]


PROVIDERS = {
    each.name: each
    for each in (
        *_plain("openai", "anthropic", "mistral", "codestral", "groq", "cerebras"),
        *_plain("xai", "azure_ai", "cohere", "cohere_chat", "sambanova", "baseten", "databricks"),
        *_plain("nebius", "novita", "github", "hyperbolic", "nscale", "dashscope", "volcengine"),
        *_plain("vercel_ai_gateway", "litellm_proxy", "meta_llama", "moonshot"),
        Provider("azure", ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")),
        Provider("bedrock", ("AWS_BEARER_TOKEN_BEDROCK",)),
        Provider("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
        Provider("deepseek", ("DEEPSEEK_API_KEY",), reasoning=True),
        Provider("zai", ("ZAI_API_KEY",), reasoning=True),
        Provider("minimax", ("MINIMAX_API_KEY",), reasoning=True),
        Provider("deepinfra", ("DEEPINFRA_API_KEY",)),
        Provider("fireworks_ai", ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")),
        Provider("together_ai", ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY")),
        Provider("huggingface", ("HF_TOKEN", "HUGGINGFACE_API_KEY")),
        Provider("perplexity", ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")),
        Provider("nvidia_nim", ("NVIDIA_NIM_API_KEY", "NVIDIA_API_KEY")),
        Provider("openrouter", ("OPENROUTER_API_KEY",), list="https://openrouter.ai/api/v1/models"),
        # by `ollama/` litellm means an older way, which cannot make calls natively
        Provider("ollama", ("OLLAMA_API_KEY",), base="http://127.0.0.1:11434", route="ollama_chat"),
        Provider("lm_studio", ("LM_STUDIO_API_KEY",), base="http://127.0.0.1:1234/v1"),
        Provider(
            "llama_server",
            ("LLAMA_SERVER_API_KEY", "LLAMA_API_KEY"),
            base="http://127.0.0.1:8080/v1",
            route="openai",
        ),
        Provider(
            "vllm",
            ("VLLM_API_KEY", "HOSTED_VLLM_API_KEY"),
            base="http://127.0.0.1:8000/v1",
            route="hosted_vllm",
        ),
        Provider("llamafile", ("LLAMAFILE_API_KEY",), base="http://127.0.0.1:8080/v1"),
    )
}
PROVIDERS["moonshot"] = Provider("moonshot", ("MOONSHOT_API_KEY",), reasoning=True)
# the names that litellm has for them
PROVIDERS["ollama_chat"] = PROVIDERS["ollama"]
PROVIDERS["hosted_vllm"] = PROVIDERS["vllm"]


def provider_of(name: str) -> Provider | None:
    """Return the provider of a model's name, or None when it names none.

    Behind the slash there may be nothing where the server is on this machine.
    """
    prefix, slash, model = name.partition("/")
    provider = PROVIDERS.get(prefix.lower()) if slash else None
    return provider if provider and (model or provider.base) else None


def from_environment(provider: str, environ: Mapping[str, str] = os.environ) -> Key | None:
    """Return the key of a provider from its variable, or None."""
    variables = PROVIDERS[provider].variables
    return next((Key(environ[each], each) for each in variables if environ.get(each)), None)


def loopback(url: str) -> bool:
    """Whether an address is on this machine, so that nothing leaves it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return here(host)


def named_small(name: str) -> bool:
    """Whether a model says by its name that it has few weights, as in `qwen2.5-coder:1.5b`.

    Of several numbers the largest counts: `30b-a3b` has 30 billion. One that says nothing is not.
    """
    billions = [float(number) for number in _BILLIONS.findall(name.lower())]
    return bool(billions) and max(billions) < SMALL_BILLIONS
