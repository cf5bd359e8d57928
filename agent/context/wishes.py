"""What a prompt says of how it wants to be done, as far as its words leave no doubt."""

from __future__ import annotations

import re

_WHAT = r"(?:anything|(?:any|the|my)\s+(?:code|files?|sources?)|code|files)"
# with a bound it is no wish for none: `anything else`, `any file but this`, `the code in src`
_BOUND = (
    r"(?!\s+(?:else|but|except|besides|other|in|of|under|outside|beyond|that|which|until|yet)\b)"
)
_NO_CHANGE = re.compile(
    r"\b(?:do\s+not|don.?t|without|never)\s+"
    rf"(?:chang|edit|modify|touch|alter|writ)\w*\s+{_WHAT}\b{_BOUND}"
    r"|\bno\s+(?:changes|edits)\b(?!\s+(?:in|to|of|outside|beyond|other)\b)",
    re.IGNORECASE,
)

_TESTS = r"(?:tests?(?:\s+suite)?|test_\w+)"
_WITHIN = r"(?:(?![.!?]\s)[^\n])"  # a character of the same sentence
_RED = re.compile(
    rf"\b{_TESTS}\b{_WITHIN}{{0,60}}\b(?:fail|fails|failing|failed|red|broken)\b"
    rf"|\b(?:failing|failed|red|broken)\b{_WITHIN}{{0,20}}\b{_TESTS}\b"
    rf"|\bmake\b{_WITHIN}{{0,40}}\b{_TESTS}\b{_WITHIN}{{0,20}}\b(?:pass|green)\b",
    re.IGNORECASE,
)
_VERB = r"(?:repair|fix|mend|correct)"
_MEND = re.compile(rf"\b{_VERB}\b|\b(?:pass|green)\b", re.IGNORECASE)
_MAKES = re.compile(
    r"\b(?:and|then)\s+(?:add|change|correct|create|delete|edit|fix|make|mend|move|put|remove"
    r"|rename|repair|replace|rewrite|set|update|write)\b",
    re.IGNORECASE,
)
# what is to be mended may be the tests themselves
_THEIRS = re.compile(
    rf"(?<!not )(?<!never )\b(?:{_VERB}|update|adapt|adjust|change|rewrite|delete|remove|skip)\s+"
    r"(?:(?:the|this|that|these|those|all|any|my|our|its|failing|failed|red|broken)\s+)*"
    r"(?:tests?|test_\w+|it|them)\b",
    re.IGNORECASE,
)

_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_QUESTION = re.compile(
    r"(?:and|but|so|or)?\s*(?:in |for |by |with |from |at |on |to |of )?"
    r"(?:which|what|where|who|whom|whose|when|why|how|is|are|was|were|does|do|did|has|have)\b"
    r"(?!\s+(?:about|if|not|don.?t|doesn.?t)\b).*\?",
    re.IGNORECASE | re.DOTALL,
)
_TELL = re.compile(
    r"(?:please\s+|and\s+|then\s+)?(?:(?:tell|show|give)\s+(?:me|us)|explain|describe|say|list"
    r"|give\s+(?:its|their)|name\s+(?:it|them|its|their|the\s+\w+\s+(?:that|which|of|and))"
    r"|I(?:\s+am|.m)?\s+(?:looking|look|searching|search)\s+for|I\s+(?:want|need)\s+to\s+know"
    r"|I\s+wonder)\b",
    re.IGNORECASE,
)


def only_asks(prompt: str) -> bool:
    """Whether each sentence is a plain question, or wants to be told something.

    `Can you …`, `why not …` and `how about …` ask for more than words.
    """
    sentences = [each.strip() for each in _SENTENCES.split(prompt.strip()) if each.strip()]
    return bool(sentences) and all(
        _QUESTION.fullmatch(each) or (_TELL.match(each) and not _MAKES.search(each))
        for each in sentences
    )


def wants_repair(prompt: str) -> bool:
    """Whether it says that tests fail and that the code is to be mended, and asks nothing else."""
    said = "?" not in prompt and not wants_no_change(prompt)
    return bool(
        said and _RED.search(prompt) and _MEND.search(prompt) and not _THEIRS.search(prompt)
    )


def wants_no_change(prompt: str) -> bool:
    """Whether it says that nothing is to be changed, as in `Do not change anything.`"""
    return _NO_CHANGE.search(prompt) is not None
