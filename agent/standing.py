"""What stands before a turn begins: the settings, the grants, and what is to be said of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import config, remembered
from agent.config import Config, Settings
from agent.errors import UsageError
from agent.events import Notice
from agent.grants import Grant
from agent.policy import Stance
from sandbox.base import Sandbox


@dataclass(frozen=True, slots=True)
class Standing:
    """The settings and grants for one workspace; `notices` say what was left alone, and why."""

    config: Config
    grants: tuple[Grant, ...]
    notices: tuple[Notice, ...]


def standing(
    root: Path,
    typed: Mapping[str, Any],
    allow: Sequence[str] = (),
    *,
    defaults: Mapping[str, Any] | None = None,
    ask: bool = False,
) -> Standing:
    """Gather it all. With `ask`, a person decides now whether a repository's content is trusted.

    Raises UsageError.
    """
    loaded = config.load(typed, root, defaults=defaults)
    if ask and loaded.untrusted and _asked(loaded, root):
        loaded = config.load(typed, root, defaults=defaults)
    given = [_typed(rule) for rule in allow]
    notices = [*_left_alone(loaded)]
    try:
        given += remembered.grants(root)
    except remembered.Unusable as error:
        notices.append(Notice(text=f"{error}; no grant in it counts"))
    return Standing(loaded, tuple(given), tuple(notices))


def starting_stance(settings: Settings, grants: Sequence[Grant], sandbox: Sandbox) -> Stance:
    """Return where the policy stands before the first call."""
    return Stance(
        autonomy=settings.autonomy,
        containment=sandbox.containment,
        lifted=settings.sandbox == "off",
        opened=frozenset({"check"}) if settings.network.check.leaves else frozenset(),
        grants=tuple(grants),
    )


def would_set(loaded: Config) -> str:
    """Return what an untrusted repository would set, on one line."""
    return ", ".join(f"{name} = {value!r}" for name, value in loaded.untrusted.items())


def _asked(loaded: Config, root: Path) -> bool:
    from agent.approval import agreed

    assert loaded.content is not None, "somebody wrote what is untrusted"
    place = loaded.content.path.relative_to(root)
    question = f"{place} sets {would_set(loaded)}, which runs here; trust this content? [y/N] "
    if yes := agreed(question):
        remembered.trust(root, loaded.content.digest)
    return yes


def _left_alone(loaded: Config) -> list[Notice]:
    where = "left alone in .wisp/settings.toml"
    found = [Notice(text=f"{where}, not stricter: {each}") for each in loaded.ignored]
    if loaded.untrusted:
        text = f"{where} until its content is trusted: {would_set(loaded)}"
        found.append(Notice(text=text, hint="agent trust"))
    return found


def _typed(rule: str) -> Grant:
    try:
        return Grant.of(rule, source="--allow")
    except ValueError as error:
        hint = "--allow 'shell: npm test', 'shell[network]: npm install', 'fetch: docs.python.org'"
        raise UsageError(f"--allow: {error}", hint) from error
