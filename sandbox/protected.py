"""What stays out of reach: the tables of protected names and of secrets.

*Protected* names can be read and not changed, since writing them is a way to run code later.
*Secrets* can not even be read. Both tables are used by the file tools and by every backend.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# anywhere in the tree
PROTECTED_ANYWHERE: Mapping[str, str] = {
    ".git": "it holds git's own state; use the git tool",
    ".wisp": "it holds settings that only a person changes",
}
# at the top of the workspace, where other programs read them and run what they say
PROTECTED_AT_TOP: Mapping[str, str] = {
    ".vscode": "an editor runs what it says",
    ".idea": "an editor runs what it says",
    ".cursor": "another agent obeys it",
    ".claude": "another agent obeys it",
    ".codex": "another agent obeys it",
    ".gemini": "another agent obeys it",
    ".mcp.json": "another agent runs what it says",
    ".devcontainer": "an editor runs what it says",
    ".husky": "git hooks run what it says",
    ".gitmodules": "git fetches what it says",
    ".envrc": "the user's shell runs what it says",
}
# inside `.git`, also for a command that may change the rest of it
PROTECTED_IN_GIT: Sequence[str] = (
    "hooks",
    "config",
    "config.worktree",
    "commondir",
    "info/attributes",
    "modules",
)
# of these, what git does not mind as an empty folder, so that it can be masked where it is absent
MASKED_IN_GIT: Sequence[str] = ("hooks", "config.worktree", "info/attributes", "modules")

# below the home directory
HOME_SECRETS: Sequence[str] = (
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".oci",
    ".kube",
    ".docker",
    ".config/gcloud",
    ".config/doctl",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".config/git/credentials",
    ".config/containers/auth.json",
    ".config/op",
    ".config/sops",
    ".config/age",
    ".config/rclone",
    ".config/pypoetry/auth.toml",
    ".config/github-copilot",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".yarnrc.yml",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".vault-token",
    ".terraform.d/credentials.tfrc.json",
    ".terraformrc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".nuget/NuGet/NuGet.Config",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".hex",
    ".cache/huggingface/token",
    ".huggingface",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/python_keyring",
    ".local/share/kwalletd",
    ".local/share/pass",
    "Library/Keychains",
    # browsers and mail
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
    ".config/vivaldi",
    ".config/opera",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
    "Library/Cookies",
    # what was typed
    ".bash_history",
    ".zsh_history",
    ".histfile",
    ".sh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".lesshst",
)
# what an administrator, for whom file modes are no bound, could read
SYSTEM_SECRETS: Sequence[str] = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
)
# characters that some file systems leave out when they compare names: those of HFS+, as git knows
# them, and two more without a width
_IGNORED = frozenset(
    map(
        chr,
        (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0x2060, 0xFEFF),
    )
)


def _plain(name: str) -> str:
    """Return the name as the most forgiving file system compares it."""
    kept = "".join(char for char in name if char not in _IGNORED)
    folded = unicodedata.normalize("NFKC", kept).casefold().rstrip(". ")
    return ".git" if folded == "git~1" else folded


def why_protected(parts: Sequence[str]) -> str:
    """Return why the path below a workspace may not be changed, or an empty string."""
    for index, name in enumerate(parts):
        plain = _plain(name)
        why = PROTECTED_ANYWHERE.get(plain, "")
        if not why and index == 0:
            why = PROTECTED_AT_TOP.get(plain, "")
        if why:
            return why
    return ""


def own_directories() -> tuple[Path, ...]:
    """Return where Wisp keeps settings, sessions and checkpoints: no business of a command."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("wisp")
    places = (dirs.user_config_dir, dirs.user_state_dir, dirs.user_data_dir, dirs.user_cache_dir)
    return tuple(dict.fromkeys(Path(place) for place in places))


def secrets(home: Path) -> Iterator[Path]:
    """Yield the secrets that exist, each resolved, so that hiding one hides what it is."""
    listed = (*(home / name for name in HOME_SECRETS), *map(Path, SYSTEM_SECRETS))
    for path in (*listed, *own_directories()):
        if os.path.lexists(path):
            resolved = Path(os.path.realpath(path))
            if resolved.exists():
                yield resolved


def is_secret(path: Path, home: Path) -> bool:
    """Whether a resolved path is a secret or lies within one."""
    return any(path == secret or secret in path.parents for secret in secrets(home))
