"""Attacks on what may not even be read: keys, tokens, the environment, our own files."""

from __future__ import annotations

from tests.sandbox.attacks.case import (
    FIRST,
    HELD,
    PARENT,
    SECRET,
    TEETH,
    ByUser,
    Case,
    hole,
    lost,
    python,
    toothless,
)
from tests.sandbox.attacks.witness import disk, during, victim
from tests.sandbox.ground import Ground

_KEY = {"WISP_TEST_API_KEY": SECRET}
_LISTED = (
    *(".aws/credentials", ".gnupg/private", ".kube/config", ".docker/config.json", ".npmrc"),
    *(".config/gh/hosts.yml", ".config/gcloud/db", ".git-credentials", ".pypirc", ".pgpass"),
    *(".cargo/credentials.toml", ".mozilla/logins.json", ".config/chromium/Cookies"),
    *(".password-store/a.gpg", ".local/share/keyrings/login.keyring", ".bash_history"),
    *(".claude/token", ".codex/auth.json", ".m2/settings.xml", ".vault-token"),
    *(".config/hcloud/cli.toml", ".fly/config.yml", ".s3cfg", ".boto", ".kaggle/kaggle.json"),
    *(".databrickscfg", ".dbt/profiles.yml", ".config/pip/pip.conf", ".config/nix/nix.conf"),
    *(".local/share/opencode/auth.json", ".qwen/oauth.json", ".config/goose/secrets.yaml"),
    *(".config/io.datasette.llm/keys.json", ".local/share/com.vercel.cli/auth.json"),
    *(".netlify/config.json", ".config/stripe/config.toml", ".config/configstore/firebase.json"),
    *(".subversion/auth/a", ".bundle/config", ".sbt/.credentials", ".ivy2/.credentials"),
    *("snap/firefox/common/.mozilla/logins.json", ".var/app/org.mozilla.firefox/.mozilla/l"),
    *(".config/Code/User/globalStorage/state.vscdb", ".config/Cursor/User/state", ".authinfo"),
    *(".electrum/wallets/w", ".bitcoin/wallet.dat", ".config/solana/id.json", ".config/Signal/k"),
    *(".msmtprc", ".mbsyncrc", ".config/filezilla/sitemanager.xml", ".Xauthority", ".pki/nssdb/k"),
    *(".jupyter/jupyter_server_config.json", ".config/openai/key", ".config/anthropic/key"),
)


def _plant(names: tuple[str, ...]) -> str:
    return "; ".join(
        f'mkdir -p ~/"{name.rpartition("/")[0]}" && echo "token = {SECRET}" > ~/"{name}"'
        for name in names
    )


def _print(names: tuple[str, ...]) -> str:
    return f"cd ~; for f in {' '.join(names)}; do [ -s $f ] && echo $f && cat $f; done 2>/dev/null"


def _saves(ground: Ground) -> None:
    """A program of the user writes its secret anew, beside and renamed, as most do."""
    beside = ground.home / ".netrc.new"
    beside.write_text(f"password {SECRET}")
    beside.rename(ground.home / ".netrc")


def _logs_in(ground: Ground) -> None:
    (ground.home / ".aws").mkdir()
    (ground.home / ".aws/credentials").write_text(SECRET)


_WAIT = "touch ready; until [ -e go ]; do sleep 0.01; done"
_READS: dict[str, str] = {
    "the ssh key": "cat ~/.ssh/id",
    "the ssh key, through a link": "ln -s ~/.ssh k; cat k/id",
    "the ssh key, through /proc/self/root": 'cat "/proc/self/root$HOME/.ssh/id"',
    "the ssh key, linked into the workspace": "ln ~/.ssh/id k; cat k",
    "the ssh key, moved into the workspace": "mv ~/.ssh k; cat k/id",
    "the ssh key, found by searching": 'grep -rs "private k" "$TOP" ~ | head -3',
    "the ssh key, in an archive of the home": "tar -cf - -C ~ . | tr '\\0' '\\n'",
    "the ssh key, after unmounting its mask": "umount ~/.ssh; umount -l ~/.ssh; cat ~/.ssh/id",
    "the ssh key, by the old root of bubblewrap": 'cat "/oldroot$HOME/.ssh/id" ~/.ssh/id',
    "the ssh key, by a descriptor of its folder": python(
        "import os\nfd = os.open(os.path.expanduser('~'), os.O_PATH)\n"
        "print(os.read(os.open('.ssh/id', os.O_RDONLY, dir_fd=fd), 99))"
    ),
}

CASES = (
    *(
        Case(name, f"{{ {script}\n}} 2>/dev/null", kept=("outside",))
        for name, script in _READS.items()
    ),
    Case(
        "the ssh key, through the first process's root",
        'cat "/proc/1/root$HOME/.ssh/id"',
        plain=toothless(FIRST),
    ),
    Case(
        "the ssh key, through the parent's root",
        'cat "/proc/$PPID/root$HOME/.ssh/id"',
        plain=ByUser(root=TEETH, user=toothless(PARENT)),
    ),
    Case(
        "the names of the keys",
        "ls -A ~/.ssh | sed 's/^id$/GOT id/'",
        reduced=lost("folders must be listed for programs to find their way"),
    ),
    Case("keys of well-known tools", _print(_LISTED), prepare=_plant(_LISTED)),
    Case(
        "a key at the place that a variable names",
        'cat "$TOP/elsewhere/kube" "$TOP/elsewhere/aws"',
        prepare=f'mkdir "$TOP/elsewhere"; echo {SECRET} | tee "$TOP/elsewhere/kube" '
        '> "$TOP/elsewhere/aws"',
        environ={
            "KUBECONFIG": "{top}/elsewhere/kube",
            "AWS_SHARED_CREDENTIALS_FILE": "{top}/elsewhere/aws",
        },
    ),
    Case(
        "a key below a configuration folder of the user's choice",
        'cat "$TOP/settings/gh/hosts.yml"',
        prepare=f'mkdir -p "$TOP/settings/gh"; echo {SECRET} > "$TOP/settings/gh/hosts.yml"',
        environ={"XDG_CONFIG_HOME": "{top}/settings"},
    ),
    Case(
        "a key that lies in the workspace",
        "cat dotfiles/ssh/id; mv dotfiles d; cat d/ssh/id; cp -r d e; cat e/ssh/id",
        prepare='mkdir dotfiles; mv ~/.ssh dotfiles/ssh; ln -s "$WORK/dotfiles/ssh" ~/.ssh',
        kept=("outside",),
        reduced=lost("rules of Landlock only add up: what lies in the workspace can be read"),
    ),
    Case(
        "a secret that is saved anew while the command runs",
        f"{_WAIT}; cat ~/.netrc",
        kept=("outside",),
        witness=during(_saves),
        full=hole("a rename over what is masked takes the mask away"),
    ),
    Case(
        "a secret that appears while the command runs",
        f"{_WAIT}; cat ~/.aws/credentials",
        kept=("outside",),
        witness=during(_logs_in),
        full=hole("only what exists at the start is masked"),
    ),
    Case(
        "a key in the environment",
        "env; cat /proc/self/environ /proc/1/environ /proc/$PPID/environ | tr '\\0' '\\n'",
        environ=_KEY,
        plain=toothless("the environment is scrubbed there too"),
    ),
    Case(
        "a key in another process's environment",
        "cat /proc/$VICTIM/environ /proc/[0-9]*/environ | tr '\\0' '\\n'",
        witness=victim,
    ),
    Case(
        "a key on another process's command line",
        "cat /proc/$VICTIM/cmdline /proc/[0-9]*/cmdline | tr '\\0' '\\n'",
        witness=victim,
        reduced=lost("processes and their command lines are visible"),
    ),
    Case(
        "a key in a variable that was given to make",
        "env",
        environ={"MAKEFLAGS": f" -- API_KEY={SECRET}"},
        plain=toothless("the environment is scrubbed there too"),
    ),
    Case(
        "a password in a package index's address",
        "env",
        environ={"PIP_INDEX_URL": "https://user:let-me-in@example.org/simple"},
        network=True,
        secrets=("let-me-in",),
        plain=toothless("the environment is scrubbed there too"),
    ),
    Case(
        "the memory of a process that holds a secret",
        python(
            "import os\npid = os.environ['VICTIM']\n"
            "for line in open(f'/proc/{pid}/maps'):\n"
            "    if '[heap]' in line or line.split()[-1] == '0':\n"
            "        a, b = (int(x, 16) for x in line.split()[0].split('-'))\n"
            "        memory = open(f'/proc/{pid}/mem', 'rb', 0); memory.seek(a)\n"
            "        data = memory.read(b - a)\n"
            "        if b'private key1' + b' kept' in data: print('GOT it')\n"
        ),
        witness=victim,
    ),
    Case(
        "our own sessions and settings",
        'cat "$TOP/state/wisp/log" "$TOP/config/wisp/config.toml" "$TOP/cache/wisp/keep";'
        ' echo x > "$TOP/state/wisp/log"',
        prepare='for d in state config cache; do mkdir -p "$TOP/$d/wisp"; done;'
        f' for f in state/wisp/log config/wisp/config.toml cache/wisp/keep; do echo "{SECRET}"'
        ' > "$TOP/$f"; done',
        kept=("state", "config", "outside"),
    ),
    Case(
        "the passwords of the system",
        "head -c 5 /etc/shadow | sed 's/^/GOT /'; head -c 5 /etc/gshadow | sed 's/^/GOT /'",
        only="root",
        needs=("/etc/shadow",),
    ),
    Case(
        "the disk itself",
        'head -c 64 "$DISK" | tr -d "\\0"',
        witness=disk,
        kept=("home",),
        only="root",
        needs=("losetup", "/dev/loop-control"),
    ),
    Case(
        "the disk, through a device made in the workspace",
        'mknod d b $(stat -c "0x%t 0x%T" "$DISK" | xargs printf "%d %d")'
        ' && head -c 64 d | tr -d "\\0"',
        witness=disk,
        kept=("home",),
        only="root",
        needs=("losetup", "/dev/loop-control"),
        full=HELD,
    ),
    Case(
        "what another workspace's command left in the caches",
        'cat "$CARGO_HOME/config.toml" "$CARGO_HOME"/../../*/cargo/config.toml',
        prepare='for d in . 0123456789abcdef; do p="$TOP/cache/wisp/sandbox-caches/$d/cargo";'
        f' mkdir -p "$p"; echo "{SECRET}" > "$p/config.toml"; done',
        plain=toothless("there the caches are the user's own"),
    ),
)
