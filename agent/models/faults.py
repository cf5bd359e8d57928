"""What can go wrong with a remote model, and what each failure means: one table.

The child tells what it saw; here it becomes a `Fault`, which is worth another try or is not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from agent.errors import ContextOverflow, ModelError, ModelUnusable, ProviderFailed
from agent.models.providers import Provider

Kind = Literal["again", "key", "credit", "model", "refused", "overflow", "filtered"]
EMPTY = "the stream ended without a reply"
WORDS = 300  # characters of a provider's message that are shown


@dataclass(frozen=True, slots=True)
class Seen:
    """A failure as the child saw it: on the wire, and from litellm.

    `status` is None when no answer came. `sent` says that a request was put on the wire at all.
    """

    status: int | None = None
    retry_after: str = ""
    body: str = ""
    error: str = ""  # the name of the exception, and of those behind it
    text: str = ""
    sent: bool = True


class Fault(Exception):
    """One attempt failed; `reason` is a line for a person."""

    def __init__(self, kind: Kind, reason: str, retry_after: str = "") -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason = reason
        self.retry_after = retry_after


# what providers say when a request is too long, in a 400 or 413 mostly
_OVERFLOW = re.compile(
    r"maximum context|context[ _]length[ _]exceeded|prompt is too long|input is too long"
    r"|exceeds? (?:the )?(?:model'?s )?(?:available )?context|exceed context"
    r"|maximum (?:prompt|input) length|longer than the model's context|context limit"
    r"|exceeds the maximum number of tokens|input tokens exceed|reduce the length of"
    r"|max_prompt_tokens_exceeded|prompt tokens? count of|request_too_large"
    r"|greater than the context length|when context the overflows"
    r"|current length is \d+ while limit is|tokens \+ `?max_new_tokens`? must be"
    # a request larger than what may be sent in a minute never succeeds as it is
    r"|request too large for",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[_ ]filter|content_policy|content management policy|responsibleaipolicy"
    r"|safety system|ContentPolicyViolation",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"insufficient[_ ](?:quota|balance|fund)|exceeded your current quota|credit balance|billing",
    re.IGNORECASE,
)
_CERTIFICATE = re.compile(r"certificate.verify|certificate verify failed", re.IGNORECASE)
_INVALID = re.compile(r"invalid_request_error|invalid_argument", re.IGNORECASE)

_STATUS: dict[int, Kind] = {
    401: "key",
    402: "credit",
    403: "key",
    404: "model",
    408: "again",
    409: "again",
    413: "overflow",
    425: "again",
    429: "again",
}
# what litellm says by itself, before anything is sent
_UNSENT: dict[str, Kind] = {
    "AuthenticationError": "key",
    "NotFoundError": "model",
    "ContextWindowExceededError": "overflow",
    "ContentPolicyViolationError": "filtered",
}
_NAMES = {
    408: "timed out",
    409: "conflict",
    429: "too many requests",
    500: "server error",
    502: "bad gateway",
    503: "unavailable",
    504: "gateway timed out",
    529: "overloaded",
}


def classify(seen: Seen) -> Fault:
    """Return what a failure means; the first row that applies counts."""
    said = f"{seen.body} {seen.text}"
    status = seen.status
    answered = status is not None and status >= 300
    stopped = status is not None and not answered  # within a stream that had begun well
    unsent = _UNSENT.get(seen.error.partition(" ")[0], "refused")
    rows: tuple[tuple[bool, Kind], ...] = (
        ((answered or stopped) and status != 401 and bool(_OVERFLOW.search(said)), "overflow"),
        ((status == 400 or stopped) and bool(_FILTERED.search(said)), "filtered"),
        (status in (400, 403, 429) and bool(_CREDIT.search(said)), "credit"),
        (answered, _by_status(status or 0)),
        (stopped and bool(_INVALID.search(said)), "refused"),
        (not seen.sent, unsent),
        (bool(_CERTIFICATE.search(said)), "refused"),
    )
    for applies, kind in rows:
        if applies:
            return Fault(kind, _reason(seen), seen.retry_after)
    return Fault("again", _reason(seen), seen.retry_after)


def _by_status(status: int) -> Kind:
    return _STATUS.get(status, "again" if status >= 500 else "refused")


def _reason(seen: Seen) -> str:
    words = _message(seen.body) or seen.text
    words = " ".join(words.split())[:WORDS]
    if seen.status is not None and seen.status >= 300:
        name = _NAMES.get(seen.status, "")
        head = f"{seen.status} {name}".rstrip()
    else:
        head = "" if seen.status is None else "the stream broke off"
        # the last of the chain is what really happened: ConnectError, ReadError, gaierror
        words = words if head or not seen.sent else f"no connection: {words}"
    return ": ".join(part for part in (head, words) if part) or "no answer"


def _message(body: str) -> str:
    """Return what an error's body says in words."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return "" if body.lstrip().startswith("<") else body
    while isinstance(found, list) and found:
        found = found[0]
    for key in ("error", "message", "detail", "msg"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return found if isinstance(found, str) else json.dumps(found)


def final(
    fault: Fault, name: str, provider: Provider, api_base: str, key_source: str
) -> ModelError:
    """Return the error that a person sees when there is no further try.

    `key_source` is where the key was found, empty without one.
    """
    variable = provider.variables[0]
    told = f"{name}: {{}} ({fault.reason})"
    # what is kept by a command does not count before a variable
    other = f"agent keys set {provider.name}"
    if key_source in provider.variables:
        other = f"set another {key_source}, or: unset {key_source}; {other}"
    match fault.kind:
        case "key" if not key_source:
            return ModelUnusable(told.format(f"it wants a key, and {variable} is not set"), other)
        case "key":
            return ModelUnusable(told.format(f"the key from {key_source} was refused"), other)
        case "credit":
            whose = f"the account of the key from {key_source or variable}"
            return ModelUnusable(told.format(f"{whose} has no credit"), other)
        case "model":
            where = f" at {api_base}" if api_base else ""
            hint = f"check --api-base {api_base} and the name" if api_base else _OTHER
            return ModelUnusable(told.format(f"no such model{where}"), hint)
        case "overflow":
            return ContextOverflow(
                told.format("the request does not fit its window"),
                "start a new session, or name fewer and smaller files",
            )
        case "filtered":
            return ModelError(told.format("the provider's filter stopped it"), "word it otherwise")
        case "refused":
            certificate = _CERTIFICATE.search(fault.reason)
            hint = "SSL_CERT_FILE names the certificates to trust" if certificate else _OTHER
            return ModelUnusable(told.format("the request was refused"), hint)
        case "again":
            # some servers end like this, without a word, when the prompt is too long for them
            hint = _FULL if fault.reason.startswith(EMPTY) else "try again later"
            return ProviderFailed(f"{name}: {fault.reason}", hint)


_FULL = "its window may be full: WISP_CONTEXT says how many tokens it has"
_OTHER = "check the name, or choose another with --model"
