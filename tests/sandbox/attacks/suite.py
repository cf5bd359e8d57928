"""All attacks, one file a kind."""

from __future__ import annotations

from tests.sandbox.attacks import files, git, kernel, network, processes, secrets
from tests.sandbox.attacks.case import Case

KINDS: dict[str, tuple[Case, ...]] = {
    "files outside": files.CASES,
    "what runs later": git.CASES,
    "secrets": secrets.CASES,
    "network and services": network.CASES,
    "processes and terminals": processes.CASES,
    "the kernel": kernel.CASES,
}
CASES = {case.name: case for cases in KINDS.values() for case in cases}
assert len(CASES) == sum(map(len, KINDS.values())), "two attacks have one name"
