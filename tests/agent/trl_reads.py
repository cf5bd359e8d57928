"""Reads trajectories with the libraries of those who train; run by a Python that has them.

`python trl_reads.py FILE` prints what came out, as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import trl
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl.data_utils import is_conversational, maybe_apply_chat_template
from verifiers.v1.dialects.chat import parse_message, parse_tools

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
AS_TEXT = ("qwen3", "qwen3_instruct_2507")  # take the arguments of calls as text
AS_OBJECTS = ("qwen2_5", "glm4moe")  # want them read


def main(file: str) -> None:
    rows = load_dataset("json", data_files=file, split="train")
    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    told = []
    for row, line in zip(rows, Path(file).read_text().splitlines(), strict=True):
        drawn = {}
        for name in (*AS_TEXT, *AS_OBJECTS):
            tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text()
            talk = {key: row[key] for key in ("prompt", "completion")}
            talk = talk if name in AS_TEXT else {key: with_objects(talk[key]) for key in talk}
            text = maybe_apply_chat_template(talk, tokenizer, tools=json.loads(row["tools"]))
            drawn[name] = text["prompt"] + text["completion"]
        told.append(
            {
                "conversational": is_conversational(row),
                "reward": row["reward"],
                "verifiers": by_verifiers(json.loads(line)),
                "drawn": drawn,
            }
        )
    print(json.dumps(told))


def with_objects(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the arguments of calls read, as docs/trajectories.md has it."""
    return [
        message
        if not message.get("tool_calls")
        else message
        | {
            "tool_calls": [
                call | {"function": function | {"arguments": json.loads(function["arguments"])}}
                for call in message["tool_calls"]
                for function in [call["function"]]
            ]
        }
        for message in messages
    ]


def by_verifiers(row: dict[str, Any]) -> list[str]:
    """The kinds of the messages, and the names of the tools, as verifiers reads them."""
    messages = [parse_message(each) for each in (*row["prompt"], *row["completion"])]
    offered = parse_tools(json.loads(row["tools"])) or []
    return [type(each).__name__ for each in messages] + [each.name for each in offered]


if __name__ == "__main__":
    main(sys.argv[1])
