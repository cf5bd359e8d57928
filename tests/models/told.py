"""What servers of models say of themselves, in the shape that each gives it."""

from __future__ import annotations

from typing import Any

About = dict[str, Any]


def llama_server(window: int = 2048, *, alias: str = "/models/small-q4.gguf") -> About:
    """As llama.cpp b11549 has it, what nobody reads left out."""
    meta = {"vocab_type": 2, "n_ctx": window, "n_ctx_train": 32768, "n_params": 630167424}
    return {
        "/props": {
            "default_generation_settings": {"params": {"seed": 1}, "n_ctx": window},
            "total_slots": 1,
            "model_alias": alias,
            "model_path": "/models/small-q4.gguf",
        },
        "/v1/models": {
            "models": [{"name": alias, "capabilities": ["completion"]}],
            "object": "list",
            "data": [{"id": alias, "object": "model", "owned_by": "llamacpp", "meta": meta}],
        },
    }


def ollama(*names: str, trained: int = 40960) -> About:
    """As its documentation has it."""
    return {
        "/api/version": {"version": "0.12.6"},
        "/api/tags": {"models": [{"name": name, "model": name, "size": 1} for name in names]},
        "/api/show": {
            "details": {
                "family": "qwen3",
                "parameter_size": "8.2B",
                "quantization_level": "Q4_K_M",
            },
            "model_info": {"general.architecture": "qwen3", "qwen3.context_length": trained},
            "capabilities": ["completion", "tools", "thinking"],
        },
        "/v1/models": {"data": [{"id": name, "owned_by": "library"} for name in names]},
    }


def lm_studio(loaded: int | None = 8192) -> About:
    """As its documentation has it; one model is there and not loaded."""
    here: About = {"id": "qwen3-8b", "type": "llm", "quantization": "Q4_K_M", "arch": "qwen3"}
    here |= {"state": "not-loaded", "max_context_length": 40960}
    if loaded:
        here |= {"state": "loaded", "loaded_context_length": loaded}
    other = {"id": "gemma", "type": "vlm", "state": "not-loaded", "max_context_length": 131072}
    embedding = {"id": "nomic", "type": "embeddings", "max_context_length": 2048}
    refusal = {"error": "Unexpected endpoint or method. (GET /props)"}
    return {
        "/props": refusal,
        "/api/version": refusal,
        "/api/tags": refusal,
        "/api/v0/models": {"object": "list", "data": [here, other, embedding]},
        "/v1/models": {"data": [{"id": "qwen3-8b", "owned_by": "organization_owner"}]},
    }


def vllm(window: int = 12288) -> About:
    """As its documentation has it."""
    model = {"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": window}
    return {"/v1/models": {"object": "list", "data": [model]}, "/version": {"version": "0.11.0"}}
