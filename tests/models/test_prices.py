"""What the prompt of a repair costs by the real tokeniser, however long its parts are."""

from pathlib import Path

import pytest

from agent.models.base import SampleRequest
from agent.models.llamacpp import LlamaCpp
from agent.repair import prompts
from agent.repair.localise import Suspect
from tools import symbols
from tools.report import Failure

MOST = 700  # tokens beside the function
PROSE = "The totals are wrong for customers in São Paulo when a discount is given twice. " * 30
TEST = "def test_it():\n" + "".join(
    f"    assert total({n}, rate=0.{n}, tax={{'k{n}': [1, {n}]}}) == {n * 7919}.{n}\n"
    for n in range(90)
)
TRACE = ">   assert total(7) == 9\n" + "".join(
    f"E   - {{'k{n}': '%$§é\\u{n}'}}\n" for n in range(90)
)
CODE = "".join(f"LIMIT_{n} = {n} ** {n}\n" for n in range(90)) + (
    "\n\ndef total(a):\n    return a" + "".join(f" + LIMIT_{n}" for n in range(90)) + "\n"
)


@pytest.mark.model
@pytest.mark.asyncio
async def test_beside_the_function_a_prompt_costs_at_most_700_tokens(small_model: Path) -> None:
    (symbol,) = symbols.definitions("lib.py", CODE)
    suspect = Suspect("lib.py", symbol, CODE, 1.0, "")
    evidence = prompts.Evidence(PROSE, Failure(test="t::test_it", trace=TRACE), "t.py", TEST)
    messages = prompts.repair_prompt(evidence, suspect, explain=True)
    model = LlamaCpp(small_model)
    await model.sample(SampleRequest(messages, max_tokens=1))
    whole = model.used.input
    function = prompts.dedent_function(suspect)
    await model.sample(SampleRequest((*messages[:1],), prefill=function, max_tokens=1))
    await model.close()
    beside = whole - (model.used.input - whole)
    assert 300 < beside <= MOST
