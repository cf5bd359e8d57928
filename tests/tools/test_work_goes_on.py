"""What programmers do every day goes on inside the full sandbox, with the real programs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from sandbox.base import Command, Limits
from tests.tools.bench import Bench
from tests.tools.running import sh

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


async def python(bench: Bench, code: str) -> str:
    """Run a script with our own interpreter, which has pytest and xdist."""
    bench.file("script.py", textwrap.dedent(code))
    return (await sh(bench, f"{sys.executable} script.py")).text


def repository(bench: Bench) -> None:
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "A Person"],
        ["config", "user.email", "person@example.com"],
        ["add", "-A"],
        ["commit", "-q", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(["git", *words], cwd=bench.root, check=True)


# -- processes


async def test_pytest_in_parallel(full_bench: Bench) -> None:
    full_bench.file(
        "test_it.py",
        "import pytest\n@pytest.mark.parametrize('n', range(20))\n"
        "def test_n(n, tmp_path): (tmp_path / 'x').write_text(str(n))\n",
    )
    said = await sh(full_bench, f"{sys.executable} -m pytest -q -n 2 -p no:cacheprovider")
    assert "20 passed" in said.text


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_multiprocessing_by_each_way_to_start(full_bench: Bench, method: str) -> None:
    said = await python(
        full_bench,
        f"""
        import multiprocessing
        from multiprocessing import shared_memory

        def square(n):
            return n * n

        def put(shared, name):
            shared["n"] = 7
            memory = shared_memory.SharedMemory(name)
            memory.buf[0] = 9
            memory.close()

        if __name__ == "__main__":
            multiprocessing.set_start_method("{method}")
            with multiprocessing.Pool(2) as pool, multiprocessing.Manager() as manager:
                print(pool.map(square, [1, 2, 3]))
                shared, memory = manager.dict(), shared_memory.SharedMemory(create=True, size=8)
                child = multiprocessing.Process(target=put, args=(shared, memory.name))
                child.start(); child.join()
                print(dict(shared), memory.buf[0])
                memory.close(); memory.unlink()
        """,
    )
    assert "[1, 4, 9]\n{'n': 7} 9\n" in said


async def test_threads_subprocesses_and_asyncio(full_bench: Bench) -> None:
    said = await python(
        full_bench,
        """
        import asyncio, concurrent.futures, os, subprocess, tempfile

        async def main():
            child = await asyncio.create_subprocess_exec("echo", "hi", stdout=-1)
            print((await child.communicate())[0], await asyncio.to_thread(os.getpid) > 0)

        asyncio.run(main())
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            print(list(pool.map(abs, [-1, -2])))
        print(subprocess.run("ls -d /tmp | cat", shell=True, capture_output=True).stdout)
        with tempfile.TemporaryDirectory() as folder, open(f"{folder}/x", "w") as file:
            os.set_inheritable(file.fileno(), True)
            print(os.listdir(folder))
        """,
    )
    assert "b'hi\\n' True\n[1, 2]\nb'/tmp\\n'\n['x']\n" in said


# -- the network, as far as it is this machine's own


async def test_a_server_on_loopback_and_its_client(full_bench: Bench) -> None:
    said = await python(
        full_bench,
        """
        import http.server, threading, urllib.request, socket

        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            class Server(http.server.ThreadingHTTPServer):
                address_family = family
            server = Server((host, 0), http.server.SimpleHTTPRequestHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            shown = f"[{host}]" if ":" in host else host
            with urllib.request.urlopen(f"http://{shown}:{server.server_port}/script.py") as reply:
                print(reply.status)
            server.shutdown()
        print(socket.gethostbyname("localhost"), bool(socket.gethostname()))
        """,
    )
    assert "200\n200\n127.0.0.1 True\n" in said


async def test_a_server_left_running_is_reached_by_the_next_command_of_its_own(
    full_bench: Bench,
) -> None:
    # each command has a loopback of its own: server and client belong in one command
    said = await sh(
        full_bench,
        f"""
        {sys.executable} -m http.server 8123 --bind 127.0.0.1 >server.log 2>&1 &
        for i in $(seq 100); do
          {sys.executable} -c 'import urllib.request as u
        print(u.urlopen("http://127.0.0.1:8123/").status)' 2>/dev/null && break
          sleep 0.1
        done
        kill %1
        """,
    )
    assert said.text.startswith("200")


async def test_sockets_with_a_path(full_bench: Bench) -> None:
    said = await python(
        full_bench,
        """
        import asyncio, os

        async def answer(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async def main():
            for place in ("here.sock", "/tmp/there.sock", "\\0abstract"):
                async with await asyncio.start_unix_server(answer, place):
                    reader, writer = await asyncio.open_unix_connection(place)
                    writer.write(b"hello\\n")
                    print(await reader.readline())

        asyncio.run(main())
        os.path.exists("here.sock") and os.unlink("here.sock")
        """,
    )
    assert said.startswith("b'hello\\n'\n" * 3)


# -- git


async def test_git_reads_in_a_plain_command(full_bench: Bench) -> None:
    full_bench.file("a.txt", "one\n")
    repository(full_bench)
    full_bench.file("a.txt", "two\n")
    said = await sh(full_bench, "git status --short && git log --oneline && git diff --stat")
    assert " M a.txt" in said.text
    assert "first" in said.text
    assert "1 file changed" in said.text


async def test_a_commit_runs_the_hooks_of_the_user(full_bench: Bench) -> None:
    repository(full_bench)
    hook = full_bench.file(".git/hooks/pre-commit", "#!/bin/sh\necho ran > hook-ran\n")
    hook.chmod(0o755)
    full_bench.file("b.txt", "new\n")
    result = await full_bench.call("git", action="commit", message="add b")
    assert result.ok, result.text
    assert (full_bench.root / "hook-ran").read_text() == "ran\n"
    hook.write_text("#!/bin/sh\necho the hook says no >&2; exit 1\n")
    full_bench.file("c.txt", "new\n")
    refused = await full_bench.call("git", action="commit", message="add c")
    assert not refused.ok, refused.text
    assert "the hook says no" in refused.text


async def test_git_writes_when_it_was_asked_for(full_bench: Bench) -> None:
    full_bench.file("a.txt", "one\n")
    repository(full_bench)
    full_bench.file("a.txt", "two\n")
    await sh(
        full_bench,
        """
        set -e
        git stash && grep one a.txt && git stash pop && grep two a.txt
        git checkout -q -b side && git commit -qam side && git checkout -q main
        git merge -q side && git tag v1 && git rebase -q HEAD~1
        """,
        git=True,
    )
    refused = await full_bench.call("shell", command="git stash")
    assert not refused.ok


async def test_a_repository_made_by_a_command(full_bench: Bench) -> None:
    said = await sh(
        full_bench,
        """
        set -e
        mkdir new && cd new && git init -q && echo x > x && git add x
        git -c user.name=a -c user.email=a@b.c commit -qm one
        cd .. && git clone -q new copy && git -C copy log --oneline
        """,
    )
    assert "one" in said.text


# -- files, terminals, databases


async def test_a_database_with_several_writers(full_bench: Bench) -> None:
    said = await python(
        full_bench,
        """
        import multiprocessing, sqlite3

        def add(n):
            with sqlite3.connect("it.db", timeout=30) as db:
                db.execute("insert into t values (?)", (n,))

        if __name__ == "__main__":
            with sqlite3.connect("it.db") as db:
                print(db.execute("pragma journal_mode=wal").fetchone())
                db.execute("create table t (n)")
            with multiprocessing.Pool(4) as pool:
                pool.map(add, range(40))
            print(sqlite3.connect("it.db").execute("select count(*) from t").fetchone())
        """,
    )
    assert "('wal',)\n(40,)\n" in said


async def test_a_terminal_of_its_own(full_bench: Bench) -> None:
    said = await python(
        full_bench,
        """
        import os, pty, sys, termios

        def read(descriptor):
            return os.read(descriptor, 1024)

        pty.spawn(["/bin/sh", "-c", "tty && stty size && test -t 1 && echo a terminal"], read)
        """,
    )
    assert "/dev/pts/" in said
    assert "a terminal" in said


async def test_a_process_on_a_terminal_of_ours(full_bench: Bench) -> None:
    process = await full_bench.context.sandbox.spawn(
        Command(
            ("/bin/sh", "-c", "test -t 0 && read -r line && echo got $line"),
            cwd=full_bench.root,
            limits=Limits(wall_s=60),
        ),
        pty=True,
    )
    await process.send(b"words\n")
    said = b""
    while data := await process.read():
        said += data
    assert b"got words" in said
    assert (await process.wait()).exit_code == 0


async def test_an_env_file_in_the_repository_is_an_ordinary_file(full_bench: Bench) -> None:
    full_bench.file(".env", "PORT=80\n")
    repository(full_bench)
    said = await sh(
        full_bench,
        "cat .env && git status --short && echo DEBUG=1 >> .env && git diff --stat && mv .env e",
    )
    assert "PORT=80" in said.text
    assert "1 file changed" in said.text
    assert (full_bench.root / "e").read_text() == "PORT=80\nDEBUG=1\n"


async def test_links_locks_pipes_and_modes(full_bench: Bench) -> None:
    await sh(
        full_bench,
        """
        set -e
        echo x > f; ln f hard; ln -s f soft; chmod 750 f; mkfifo p; (cat p > out &) ; cat f > p
        flock f true; truncate -s 1G sparse; touch -d 2001-01-01 f; cp -a f g; rm sparse
        tar czf a.tgz f soft; mkdir -p un && tar xzf a.tgz -C un; test -L un/soft
        dd if=/dev/urandom of=r bs=1k count=1 2>/dev/null; df . >/dev/null; nproc >/dev/null
        date >/dev/null; id -un >/dev/null; ps >/dev/null; kill -0 $$
        """,
    )
