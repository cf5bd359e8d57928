"""Pages from real servers on loopback, as the model reads them; and what is not fetched at all."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from tests.sandbox.servers import Names
from tests.tools.bench import Bench
from tests.tools.pages import Web, moved, serving
from tests.tools.running import refused, use
from tools.base import Effect, ToolError
from tools.fetch import Fetch, FetchArgs
from tools.network import NetworkRules
from tools.web import BYTES


@pytest.fixture
async def web(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serving(bench) as found:
        yield found


async def test_a_page_is_read_as_text(web: Web) -> None:
    web.put(
        "/a/page",
        """<!doctype html><html><head><title>The  title</title><style>p {}</style></head><body>
        <nav><a href="/x">menu</a></nav><script>evil("<p>")</script>
        <h1>Head &amp; line</h1><p>Some   <b>bold</b> text, <a href="../b?c=1">a link</a>,
        <code>code</code>.<br>Next <a href="#here">here</a> <a href="javascript:x()">run</a></p>
        <pre>def f():
    return  1 &lt; 2</pre>
        <ul><li>one<li>two <ol><li>deep</li></ol></li></ul>
        <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
        <img src=x alt="a cat"><template>not this</template><p>end</body></html>""",
    )
    result = await web.get("/a/page")
    assert (
        result.text
        == f"""\
The title

# Head & line

Some bold text, [a link]({web.url("/b?c=1")}), `code`.
Next here run

```
def f():
    return  1 < 2
```

- one
- two
  1. deep

a | b
1 | 2

[image: a cat]

end
[{web.url("/a/page")}]"""
    )
    assert result.origin == web.url("/a/page")


async def test_nothing_of_the_users_is_sent(
    web: Web, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / ".netrc").write_text("machine ok.test login me password secret")
    web.put("/", "x", **{"Set-Cookie": "a=b"})
    await web.get()
    await web.get()
    assert web.asked[1] == (
        f"GET / HTTP/1.1\r\nHost: ok.test:{web.port}\r\nUser-Agent: wisp\r\n"
        "Accept: text/html, text/plain, application/json, text/*, */*;q=0.1\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b'{"a": [1,\n 2]}', "application/json", '{"a": [1,\n 2]}'),
        (b"a <b> c\r\nd", "text/plain", "a <b> c\nd"),
        ("grüß".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grüß"),
        ("grüß".encode("latin-1"), "text/plain", "grüß"),
        ("grüß".encode(), "text/plain", "grüß"),
        ("grüß".encode("utf-16"), "text/plain", "grüß"),
        ("Привет".encode("koi8-r"), 'text/plain; charset="koi8-r"', "Привет"),
        ('<meta charset="koi8-r"><p>Привет'.encode("koi8-r"), "text/html", "Привет"),
        ("<p>grüß".encode(), "text/html; charset=no-such", "grüß"),
        (b"<!DOCTYPE html><p>no type", "", "no type"),
        (b"no type", "", "no type"),
        (b"name: x\n", "application/octet-stream", "name: x\n"),
        (b"", "text/plain", "(no text)"),
        (gzip.compress(b"packed", mtime=0), "text/plain; gzip", "packed"),
    ],
)
async def test_text_is_taken_as_it_is_and_decoded_as_it_says(
    web: Web, body: bytes, kind: str, text: str
) -> None:
    more = {"Content-Encoding": "gzip"} if "gzip" in kind else {}
    web.put("/", body, kind, **more)
    assert (await web.get()).text == f"{text}\n[{web.url()}]"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x89PNG", "image/png"),
        (b"%PDF-1.7 text", "application/pdf"),
        (b"a\0b", "text/plain"),
        (b"\x7fELF\xff\xfe\xfd" * 9, "application/octet-stream"),
        (b"\xff\xd8\xff\xe0", ""),
    ],
)
async def test_what_is_no_text_is_not_shown(web: Web, body: bytes, kind: str) -> None:
    web.put("/", body, kind)
    said = await refused(web.tool, web.bench, url=web.url())
    assert f"is no text: {kind or 'unknown'}, {len(body)} bytes" in said


async def test_a_long_text_is_gone_on_with_without_asking_again(web: Web) -> None:
    lines = [f"line {number}" for number in range(3000)]
    web.put("/", "\n".join(lines), "text/plain")
    start, seen = 0, ""
    while True:
        result = await web.get(start=start)
        body, _, more = result.text.rpartition("\n[…")
        if not body:
            seen += result.text.rpartition("\n[")[0]
            break
        seen += body
        assert len(result.text) < 6300
        start = int(more.partition("start=")[2].split(" ")[0])
        assert web.tool.effects(FetchArgs(url=web.url(), start=start), web.bench.context) == {
            Effect.READ
        }
        assert result.origin == web.url()
    assert seen == "\n".join(lines)
    assert len(web.asked) == 1
    assert "beyond its end" in await refused(web.tool, web.bench, url=web.url(), start=10**6)


async def test_a_large_page_is_cut_and_says_so(web: Web) -> None:
    web.put("/", b"x" * 9 + b"y" * BYTES, "text/plain")
    result = await web.get()
    assert "more characters" in result.text
    assert web.bench.context.memory.page[1].endswith("\n[… only the first 2 MB were read …]")
    chunk = b"8000\r\n" + b"z" * 0x8000 + b"\r\n"
    web.put("/", chunk * 80 + b"0\r\n\r\n", "text/plain", **{"Transfer-Encoding": "chunked"})
    await web.get()
    assert web.bench.context.memory.page[1].startswith("z" * BYTES + "\n[…")
    bomb = gzip.compress(b"0" * (BYTES * 20))
    web.put("/", bomb, "text/plain", **{"Content-Encoding": "gzip"})
    await web.get()
    assert len(web.bench.context.memory.page[1]) < BYTES + 100


async def test_chunks_are_put_together(web: Web) -> None:
    web.put(
        "/",
        b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "text/plain",
        **{"Transfer-Encoding": "chunked"},
    )
    assert (await web.get()).text.startswith("abcde\n")


async def test_an_error_of_the_server_is_told_with_its_words(web: Web) -> None:
    result = await web.get("/missing")
    assert result.text == f"Error: {web.url('/missing')} answered 404 Said\ngone"
    assert not result.ok
    assert result.origin == web.url("/missing")


async def test_redirects_on_one_host_are_followed_five_times(web: Web) -> None:
    web.put("/end", "here", "text/plain")
    web.pages["/0"] = moved("/end")
    for number in range(1, 6):
        web.pages[f"/{number}"] = moved(
            str(number - 1) if number % 2 else web.url(f"/{number - 1}")
        )
    result = await web.get("/4")
    assert result.text == f"here\n[{web.url('/end')}]"
    assert len(web.asked) == 6
    assert "more than 5 redirects" in await refused(web.tool, web.bench, url=web.url("/5"))


@pytest.mark.parametrize(
    "target",
    [
        "http://other.test:PORT/x",
        "//other.test:PORT/x",
        "http://127.0.0.1:PORT/x",
        "http://ok.test:1/x",
        "http://ok.test.evil.test:PORT/",
    ],
)
async def test_a_redirect_to_another_host_is_told_and_not_followed(web: Web, target: str) -> None:
    target = target.replace("PORT", str(web.port))
    web.pages["/"] = moved(target)
    said = await refused(web.tool, web.bench, url=web.url())
    assert "leads on to " in said
    assert "on another host; fetch that instead" in said
    assert len(web.asked) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://a@ok.test/", "ftp://ok.test/"])
async def test_a_redirect_to_what_is_no_page_is_refused(web: Web, target: str) -> None:
    web.pages["/"] = moved(target)
    assert "fetched" in await refused(web.tool, web.bench, url=web.url())
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://ok.test/", "ok.test/x", "", "http://", "http:///x",
        "http://me:secret@ok.test/", "http://ok.test@evil.test/", "http://ok.test\\@evil.test/",
        "http://ok.test /", "http://ok.test/\nHost: evil.test", "http://ok.test/a b",
        "http://2130706433/", "http://127.1/", "http://0x7f.1/", "http://ok.test./",
        "http://ok.test:99999/", "http://[::1%25lo]/", "http://ok\u3002.test/", "gopher://ok.test/",
        "http://ok.test/" + "a" * 3000, "data:text/html,x", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_before_anybody_is_asked(
    bench: Bench, url: str
) -> None:
    with pytest.raises(ToolError):
        Fetch().effects(FetchArgs(url=url), bench.context)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "192.168.1.1",
        "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "0.0.0.0",
        "inward.test", "both.test", "mapped.test", "metadata.test",
    ],
)  # fmt: skip
async def test_inward_addresses_are_refused_unless_the_user_named_them(web: Web, host: str) -> None:
    web.bench.context = replace(web.bench.context, network=NetworkRules())
    web.leads |= {
        "localhost": ["127.0.0.1", "::1"],
        "inward.test": ["127.0.0.1"],
        "both.test": ["10.0.0.1", "127.0.0.1"],
        "mapped.test": ["::ffff:127.0.0.1"],
        "metadata.test": ["169.254.169.254"],
    }
    said = await refused(web.tool, web.bench, url=web.url(host=host))
    assert "no public address" in said
    assert web.asked == []


async def test_only_the_port_that_the_user_named_is_reached_on_loopback(web: Web) -> None:
    async with serving(web.bench) as other:
        said = await refused(other.tool, web.bench, url=web.url())
    assert "no public address" in said
    assert (web.asked, other.asked) == ([], [])


async def test_a_name_is_looked_up_once(web: Web) -> None:
    web.put("/", "x")
    names = Names(web.leads)
    await use(Fetch(names), web.bench, url=web.url())
    assert names.looked_up == ["ok.test"]


async def test_a_page_over_tls_is_checked_against_its_name(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("ok.test").configure_cert(context)
    async with serving(bench, context) as web:
        web.put("/", "safe", "text/plain")
        said = await refused(web.tool, bench, url=web.url())
        assert "has no certificate to trust" in said
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert (await web.get()).text == f"safe\n[{web.url()}]"
        assert "certificate" in await refused(web.tool, bench, url=web.url(host="other.test"))
        web.pages["/down"] = moved(web.url("/").replace("https", "http"))
        assert "not encrypted" in await refused(web.tool, bench, url=web.url("/down"))


async def test_who_never_answers_is_left_at_a_cancel(web: Web) -> None:
    running = asyncio.create_task(web.get("/hang"))
    await web.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


async def test_a_name_that_nobody_knows_is_told(web: Web) -> None:
    said = await refused(web.tool, web.bench, url="http://gone.test/")
    assert said == "gone.test was not reached: the name gone.test was not found: no such name"


async def test_the_proxy_of_the_environment_is_used(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nby proxy")
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://me:pass@127.0.0.1:{port}")
        result = await use(web.tool, web.bench, url="http://known-there.test/a")
        assert result.text.startswith("by proxy\n")
        assert seen[0].startswith(
            "GET http://known-there.test/a HTTP/1.1\r\nHost: known-there.test"
        )
        assert "Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in seen[0]
        web.leads["inward.test"] = ["10.0.0.1"]
        assert "no public" in await refused(web.tool, web.bench, url="http://inward.test/")
        assert "no public" in await refused(web.tool, web.bench, url="http://10.0.0.1/")
        web.put("/", "direct", "text/plain")
        monkeypatch.setenv("no_proxy", "a.test, .ok.test")
        assert (await web.get()).text.startswith("direct\n")
    assert len(seen) == 1


async def test_settings_that_keep_the_network_off_keep_it_off(bench: Bench) -> None:
    bench.context = replace(bench.context, network=NetworkRules.of("off"))
    with pytest.raises(ToolError, match="keep the network off"):
        Fetch().effects(FetchArgs(url="http://ok.test/"), bench.context)


async def test_a_page_that_is_made_to_be_slow_to_read_holds_up_nobody(web: Web) -> None:
    web.put("/", "<!--" * 500_000)
    tool = Fetch(Names(web.leads), patience=1)
    said = await refused(tool, web.bench, url=web.url())
    assert said == f"{web.url()} could not be read as text in 1 s"


def test_the_address_is_shown_as_it_goes_out(bench: Bench) -> None:
    preview = Fetch().preview(FetchArgs(url="HTTP://BÜCHER.example/ü?q=a%20ü#part"), bench.context)
    assert preview.body == "http://xn--bcher-kva.example/%C3%BC?q=a%20%C3%BC"
