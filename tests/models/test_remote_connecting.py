"""What goes wrong before a request is on its way: the name, the certificate, nobody's answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from remote import OPENAI, talking

from agent.errors import ModelUnusable, ProviderFailed

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    async with talking(OPENAI, host="nobody.invalid") as talk:
        said = await talk.ask(talk.answer())
        assert isinstance(said.error, ProviderFailed) and said.asked == []
        assert len(said.retries) == 2 and "no connection: " in said.error.message


async def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    async with talking(OPENAI, tls=tls) as talk:
        said = await talk.ask(talk.answer())
        assert isinstance(said.error, ModelUnusable) and said.asked == []
        assert said.retries == [] and "certificate" in said.error.message.lower()
        assert "SSL_CERT_FILE" in said.error.hint


async def test_a_certificate_that_the_user_trusts_is_taken(
    tls: ssl.SSLContext, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with talking(OPENAI, tls=tls) as talk:
        said = await talk.ask(talk.answer())
        assert said.reply.message.text == "All done."


async def test_a_connection_that_nobody_takes_up_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        try:
            for _ in range(8):  # the queue of a server that takes nobody up
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
                waiting.append(one)
            await asyncio.sleep(0.1)
            async with talking(OPENAI, port=port) as talk:
                said = await talk.ask(talk.answer())
        finally:
            for one in waiting:
                one.close()
    assert isinstance(said.error, ProviderFailed) and said.asked == []
    assert len(said.retries) == 2 and "no byte for " in said.error.message
