"""Settings, and where each came from: flag > environment > repository > user > default.

A repository may only tighten: a setting of its `.wisp/settings.toml` counts where it is stricter
than the user's own or the default, and otherwise is left alone. What it says would be run counts
after the user trusted that content, and where nobody said another. No file and no variable may
lift the sandbox; only a person does, on the command line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from agent.errors import UsageError
from agent.policy import Autonomy
from agent.trust import Content, content
from tools.network import AS_ASKED, NetworkRules

Source = Literal["flag", "environment", "repository", "user", "default"]
RungKind = Literal["slip", "edit", "rewrite", "vary", "explain", "refine", "loop"]
APP = "wisp"


def _listed(value: object) -> object:
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


class Settings(BaseModel):
    """Every setting, checked; limits are counts and seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "qwen2.5-coder-1.5b"
    api_base: str = ""  # never a repository's to say: the key and all that is read would go there
    autonomy: Autonomy = Autonomy.ASK
    effort: int = Field(default=2, ge=0, le=4)
    rungs: Annotated[tuple[RungKind, ...], BeforeValidator(_listed)] = ()  # of `fix`; none for all
    explain_context: bool = False  # `fix` tells what each part of a prompt costs
    sandbox: Literal["auto", "full", "reduced", "off"] = "auto"
    check: str = ""
    diagnostics: bool = True  # linters and type checkers look at what is changed
    max_steps: int = Field(default=50, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost: float | None = Field(default=None, gt=0)
    small: str = ""  # the model that `fix` asks, where it is another than `model`
    small_api_base: str = ""
    strong: str = ""  # the model that may take over when the checks stay red
    strong_api_base: str = ""
    # dollars that the strong one may cost: a budget, never the consent to ask it
    escalate: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    max_wall_time: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    context: int | None = Field(default=None, ge=1024)  # tokens of the model's window
    kv_cache: bool = True  # what a local model has read is kept on disk, but not where CI is set
    host: Literal["shared", "private"] = "shared"  # of a local model: for all sessions, or for one
    host_idle: int = Field(default=600, ge=0)  # seconds a shared one stays unasked; 0 for private
    theme: Literal["auto", "dark", "light", "contrast", "ansi"] = "auto"
    vim: bool = False  # keys of the prompt
    notify: bool = True  # a bell and a notice where the terminal is not looked at
    network: Annotated[Any, BeforeValidator(NetworkRules.of)] = AS_ASKED

    @field_validator("api_base", "small_api_base", "strong_api_base")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address begins with https:// or http://")
        return value.rstrip("/")

    @field_validator("autonomy", mode="before")
    @classmethod
    def _by_name_or_number(cls, value: object) -> object:
        if isinstance(value, str):
            name = value.strip().upper()
            if name.isdigit():
                return int(name)
            if name in Autonomy.__members__:
                return Autonomy[name]
            raise ValueError("a level is observe, ask, edit, run, full or 0 to 4")
        return value

    def told(self) -> dict[str, Any]:
        """Return what of it a turn depends on and is not as it comes, as JSON has it."""
        return self.model_dump(mode="json", exclude_defaults=True, include=set(TOLD))

    def stays(self, environ: Mapping[str, str] = os.environ) -> int:
        """Return for how many seconds the host of a local model stays unasked; 0 for a private one.

        Where `CI` is set nothing outlives the command.
        """
        return 0 if self.host == "private" or environ.get("CI") else self.host_idle


# what a session is to be run with again, beside what its events say anyway
TOLD = (
    *("rungs", "sandbox", "check", "diagnostics", "max_steps", "max_tokens", "max_cost"),
    *("strong", "escalate", "max_wall_time", "seed", "context"),
)


def _lower(new: Any, old: Any) -> bool:
    return old is None or new < old


# what a repository may set, and when its value is the stricter one
TIGHTER: dict[str, Callable[[Any, Any], bool]] = {
    "autonomy": _lower,
    "max_steps": _lower,
    "max_tokens": _lower,
    "max_cost": _lower,
    "escalate": _lower,
    "max_wall_time": _lower,
    "sandbox": lambda new, old: new == "full" and old in ("auto", "reduced"),
    "network": lambda new, old: new.off and not old.off,
    "diagnostics": lambda new, old: old and not new,
}
# what a repository may say where nobody else does, once its content is trusted: it is run
NEEDS_TRUST = frozenset({"check"})

# the table `[models]` of the user's file: what each of its names sets
ROLES: Mapping[str, str] = {
    "main": "model",
    "small": "small",
    "strong": "strong",
    "main_api_base": "api_base",
    "small_api_base": "small_api_base",
    "strong_api_base": "strong_api_base",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, the source of each, and what in a repository's file was left alone.

    `untrusted` is what would count once the user trusted the `content` of that file.
    """

    settings: Settings
    sources: Mapping[str, Source]
    ignored: tuple[str, ...] = ()
    untrusted: Mapping[str, Any] = field(default_factory=dict)
    content: Content | None = None

    def for_work(self, kind: Literal["run", "fix"]) -> Settings:
        """Return the settings with the model of this kind of work as `model`.

        That is `small` for `fix` where it is set, unless `model` was said in a place that counts
        more, such as by a flag.
        """
        own, order = self.settings, get_args(Source)
        main = min(order.index(self.sources[name]) for name in ("model", "api_base"))
        if kind == "run" or not own.small or main < order.index(self.sources["small"]):
            return own
        small = {"model": own.small, "api_base": own.small_api_base, "context": None}
        return own.model_copy(update=small)


def config_path() -> Path:
    """Return where the user's settings live."""
    from platformdirs import user_config_path

    return user_config_path(APP) / "config.toml"


def state_path() -> Path:
    """Return where sessions and checkpoints live."""
    from platformdirs import user_state_path

    return user_state_path(APP)


def cache_path() -> Path:
    """Return where models and copies live."""
    from platformdirs import user_cache_path

    return user_cache_path(APP)


def load(
    flags: Mapping[str, Any],
    repository: Path | None,
    environ: Mapping[str, str] = os.environ,
    defaults: Mapping[str, Any] | None = None,
) -> Config:
    """Read every layer. `flags` that are None are not given; `defaults` are the command's own.

    Raises UsageError naming the place of a bad or unknown setting.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {name: "default" for name in Settings.model_fields}

    def take(layer: Mapping[str, Any], source: Source, where: str) -> None:
        for name, value in _checked(layer, where).items():
            if name == "sandbox" and value == "off" and source != "flag":
                raise UsageError(
                    f"{where}, sandbox: off counts on the command line only", "--sandbox=off"
                )
            values[name], sources[name] = value, source

    take(defaults or {}, "default", "defaults")
    user_file = config_path()
    take(_by_role(_toml(user_file), str(user_file)), "user", str(user_file))
    named = {f"WISP_{name.upper()}": name for name in Settings.model_fields}
    given = {named[key]: value for key, value in environ.items() if key in named and value}
    take(given, "environment", "environment")
    take({k: v for k, v in flags.items() if v is not None}, "flag", "command line")
    found = content(repository) if repository is not None else None
    if repository is None or found is None:
        return Config(Settings.model_validate(values), sources)
    ignored: list[str] = []
    untrusted: dict[str, Any] = {}
    current = Settings.model_validate(values)
    for name, value in _parsed(found.text, found.path).items():
        tighter = TIGHTER.get(name)
        if not tighter and name not in NEEDS_TRUST:
            ignored.append(name)
            continue
        checked = _checked({name: value}, str(found.path))[name]
        if tighter is None:
            if getattr(current, name) or not checked or current.sandbox == "off":
                ignored.append(name)
            elif not _is_trusted(repository, found):
                untrusted[name] = checked
            else:
                values[name], sources[name] = checked, "repository"
        elif not tighter(checked, getattr(current, name)):
            ignored.append(name)
        elif sources[name] not in ("flag", "environment"):
            values[name], sources[name] = checked, "repository"
    return Config(Settings.model_validate(values), sources, tuple(ignored), untrusted, found)


def _is_trusted(repository: Path, found: Content) -> bool:
    from agent.remembered import Unusable, trusted  # most repositories have nothing to trust

    try:
        return trusted(repository, found.digest)
    except Unusable as error:
        raise UsageError(str(error)) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would hold us up for ever
            raise UsageError(f"cannot read {path}: not a file")
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    import tomllib  # most have no such file

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error


def _by_role(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the user's settings with the table `[models]` as what it sets; raises UsageError."""
    plain = dict(layer)
    for name in plain:
        if ROLES.get(name) == name:
            raise UsageError(f"{where}, {name}: it belongs below [models]", f"[models] {name} = …")
    table = plain.pop("models", {})
    if not isinstance(table, dict):
        raise UsageError(f"{where}, models: it is a table", '[models] main = "NAME"')
    for role, value in table.items():
        if role not in ROLES:
            raise UsageError(
                f"unknown setting in {where}: models.{role}", f"[models] has {', '.join(ROLES)}"
            )
        if ROLES[role] in plain:
            raise UsageError(f"{where}: {ROLES[role]} and models.{role} are one", "leave one out")
        plain[ROLES[role]] = value
    return plain


def _checked(layer: Mapping[str, Any], where: str) -> dict[str, Any]:
    try:
        checked = Settings.model_validate(dict(layer))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            from difflib import get_close_matches

            near = get_close_matches(name, Settings.model_fields, 1)
            hint = f"did you mean {near[0]}?" if near else "agent config shows every setting"
            raise UsageError(f"unknown setting in {where}: {name}", hint) from error
        reason = first["msg"].removeprefix("Value error, ")
        message = f"{where}, {name}: {reason} (it is {first['input']!r})"
        raise UsageError(message) from error
    return {name: getattr(checked, name) for name in layer}
