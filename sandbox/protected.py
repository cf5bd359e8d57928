"""What stays out of reach: the tables of protected names and of secrets.

*Protected* names can be read and not changed, since writing them is a way to run code later.
*Secrets* can not even be read. Both tables are used by the file tools and by every backend.
"""

from __future__ import annotations

import os
import re
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
    ".vs": "an editor runs what it says",
    ".fleet": "an editor runs what it says",
    ".zed": "an editor runs what it says",
    ".windsurf": "another agent obeys it",
    ".kiro": "another agent obeys it",
    ".roo": "another agent obeys it",
    ".qwen": "another agent obeys it",
    ".opencode": "another agent obeys it",
    ".zencoder": "another agent obeys it",
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
    ".bundle/config",
    ".config/configstore",
    ".config/hcloud",
    ".config/stripe",
    ".config/solana",
    ".fly",
    ".s3cfg",
    ".boto",
    ".kaggle",
    ".databrickscfg",
    ".dbt",
    ".netlify",
    ".local/share/com.vercel.cli",
    ".subversion/auth",
    ".sbt/.credentials",
    ".ivy2/.credentials",
    ".jupyter/jupyter_server_config.json",
    ".authinfo",
    ".authinfo.gpg",
    ".msmtprc",
    ".mbsyncrc",
    ".config/filezilla",
    ".Xauthority",
    ".pki",
    ".electrum",
    ".bitcoin",
    ".ethereum/keystore",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".nuget/NuGet/NuGet.Config",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".hex",
    ".cache/huggingface/token",
    ".huggingface",
    # of other agents
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".qwen",
    ".local/share/opencode",
    ".config/goose",
    ".config/io.datasette.llm",
    ".config/openai",
    ".config/anthropic",
    # stores of passwords
    ".password-store",
    ".local/share/keyrings",
    ".local/share/python_keyring",
    ".local/share/kwalletd",
    ".local/share/pass",
    "Library/Keychains",
    # browsers, mail, and editors that are signed in
    ".mozilla",
    "snap/firefox",
    "snap/chromium",
    "snap/thunderbird",
    ".var/app",
    ".config/Signal",
    ".config/Code",
    ".config/Cursor",
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
# hidden where they say a password, and shown otherwise, since they also say where packages are
HOME_CONFIGURATION: Sequence[str] = (
    ".config/pip/pip.conf",
    ".pip/pip.conf",
    ".config/uv/uv.toml",
    ".config/nix/nix.conf",
)
_SAYS_SECRET = re.compile(rb"://[^/\s]*@|token|passw|secret", re.IGNORECASE)
# the folder that `.config` and `.local/share` stand for above, where these name another
HOME_FOLDERS: Mapping[str, str] = {".config": "XDG_CONFIG_HOME", ".local/share": "XDG_DATA_HOME"}
# variables that name a secret's place, with what of that place is one
NAMED_SECRETS: Mapping[str, str] = {
    "AWS_CONFIG_FILE": "",
    "AWS_SHARED_CREDENTIALS_FILE": "",
    "AZURE_CONFIG_DIR": "",
    "BOTO_CONFIG": "",
    "CARGO_HOME": "credentials.toml",
    "CLAUDE_CONFIG_DIR": "",
    "CLOUDSDK_CONFIG": "",
    "CODEX_HOME": "",
    "COMPOSER_HOME": "auth.json",
    "DATABRICKS_CONFIG_FILE": "",
    "DOCKER_CERT_PATH": "",
    "DOCKER_CONFIG": "",
    "GH_CONFIG_DIR": "",
    "GLAB_CONFIG_DIR": "",
    "GNUPGHOME": "",
    "GOOGLE_APPLICATION_CREDENTIALS": "",
    "GRADLE_USER_HOME": "gradle.properties",
    "HF_HOME": "token",
    "HF_TOKEN_PATH": "",
    "HISTFILE": "",
    "KAGGLE_CONFIG_DIR": "",
    "KUBECONFIG": "",
    "NETRC": "",
    "NPM_CONFIG_USERCONFIG": "",
    "PASSWORD_STORE_DIR": "",
    "PGPASSFILE": "",
    "RCLONE_CONFIG": "",
    "REGISTRY_AUTH_FILE": "",
    "SOPS_AGE_KEY_FILE": "",
    "TF_CLI_CONFIG_FILE": "",
    "XAUTHORITY": "",
    "npm_config_userconfig": "",
}
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


def secrets(home: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Yield the secrets that exist, each resolved, so that hiding one hides what it is.

    They are looked for at their usual places, and where variables of `environ` say.
    """
    for path in _places(home, environ):
        if os.path.lexists(path):
            resolved = Path(os.path.realpath(path))
            if resolved.exists():
                yield resolved


def is_secret(path: Path, home: Path) -> bool:
    """Whether a resolved path is a secret or lies within one."""
    return any(path == secret or secret in path.parents for secret in secrets(home))


def _places(home: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield where secrets may lie; as text, since it is asked for each command."""
    tops = {"": str(home)}
    for folder, variable in HOME_FOLDERS.items():
        if (other := environ.get(variable, "")).startswith("/"):
            tops[f"{folder}/"] = other
    for prefix, top in tops.items():
        for name in HOME_SECRETS:
            if name.startswith(prefix):
                yield f"{top}/{name[len(prefix) :]}"
        for name in HOME_CONFIGURATION:
            if name.startswith(prefix) and _says_secret(Path(top, name[len(prefix) :])):
                yield f"{top}/{name[len(prefix) :]}"
    yield from SYSTEM_SECRETS
    yield from map(str, own_directories())
    for variable, rest in NAMED_SECRETS.items():
        for said in environ.get(variable, "").split(os.pathsep):
            if said.startswith("/") and _is_narrow(path := Path(said, rest), home):
                yield str(path)


def _says_secret(path: Path) -> bool:
    try:
        return path.is_file() and bool(_SAYS_SECRET.search(path.read_bytes()))
    except OSError:
        return True


def _is_narrow(path: Path, home: Path) -> bool:
    """Whether hiding what a variable names hides only that: no device, nothing that work is in."""
    real = Path(os.path.realpath(path))
    if not real.is_dir():
        return real.is_file()
    try:
        return not any(work.is_relative_to(real) for work in (home, Path.cwd()))
    except FileNotFoundError:  # where we work is gone
        return False
