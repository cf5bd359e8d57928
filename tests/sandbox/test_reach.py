"""What the words of a person cover, and what a request means."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.reach import OFF, Reach, host_and_port, is_public, meant


@pytest.mark.parametrize(
    ("words", "host", "port", "covered"),
    [
        (["pypi.org"], "pypi.org", 443, True),
        (["pypi.org"], "PyPI.org", 80, True),
        (["pypi.org"], "pypi.org", 22, False),
        (["pypi.org"], "www.pypi.org", 443, False),
        (["pypi.org"], "xpypi.org", 443, False),
        (["pypi.org"], "pypi.org.evil.test", 443, False),
        (["*.example.com"], "a.b.example.com", 443, True),
        (["*.example.com"], "example.com", 443, False),
        (["*.example.com"], "badexample.com", 443, False),
        (["db.example.com:5432"], "db.example.com", 5432, True),
        (["db.example.com:5432"], "db.example.com", 443, False),
        (["db.example.com:5432", "db.example.com"], "db.example.com", 443, True),
        (["bücher.example"], "xn--bcher-kva.example", 443, True),
        (["10.1.2.3"], "10.1.2.3", 80, True),
        (["10.1.2.3"], "[::ffff:10.1.2.3]", 80, True),
        (["10.0.0.0/8:8080"], "10.9.9.9", 8080, True),
        (["10.0.0.0/8"], "11.0.0.1", 80, False),
        (["fd00::/8"], "[fd00::1]", 443, True),
        (["[fd00::1]:8443"], "[fd00::1]", 8443, True),
        (["loopback"], "127.0.0.1", 80, False),
        ([], "pypi.org", 443, False),
    ],
)
def test_a_host_is_reached_when_a_word_covers_it(
    words: list[str], host: str, port: int, covered: bool
) -> None:
    assert (Reach.parse(words).why_not(meant(host), port) == "") is covered


def test_no_words_are_no_network() -> None:
    assert Reach.parse([]) == OFF
    assert not OFF


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("*", "no host"), ("*.com", "too wide"), ("all", "stands alone"), ("0.0.0.0/0", "every"),
        ("::/0", "every"), ("https://pypi.org", "host alone"), ("pypi.org/simple", "no host"),
        ("pypi.org:https", "no port"), ("pypi.org:0", "no port"), ("pypi.org:65536", "no port"),
        ("a@pypi.org", "no host"), ("pypi.org.", "no host"), ("2130706433", "no host"),
        ("", "no host"), ("pypi .org", "no host"), ("10.0.0.1/8", "no host"),
        ("loopback:80", "1024"), ("a.*.org", "no host"),
    ],
)  # fmt: skip
def test_a_word_that_is_none_says_why(word: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Reach.parse([word])


@pytest.mark.parametrize(
    "host",
    [
        "evil\0.ok.test", "ok.test.", "ok.test ", " ok.test", "a@ok.test", "ok.test%00", "ok。test",
        "ok.test\n", "ok..test", "-ok.test", "ok-.test", "ok/test", "ok\\test", "ok#test", "", ".",
        "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127.0.0.0x1", "1.2.3",
        "256.1.1.1", "::1", "[::1", "[::1%25lo]", "[127.0.0.1]", "a" * 64 + ".test",
        "a." * 127 + "aa", "\u212a.test", "ok.test\u200b", "\uff4fk.test", "ok.te\u017ft",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_no_host(host: str) -> None:
    with pytest.raises(ValueError):
        meant(host)


@pytest.mark.parametrize(
    "text", ["ok.test:0", "ok.test:+1", "ok.test:٤٤٣", "ok.test:65536", "ok.test:80:80", "ok.test:"]
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        host_and_port(text)


PUBLIC = "93.184.216.34 2606:4700::1111 ::ffff:93.184.216.34 64:ff9b::5db8:d822"
PRIVATE = """
127.0.0.1 127.9.9.9 0.0.0.0 10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 169.254.169.254
168.63.129.16 192.0.2.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 fe80::1 fc00::1 fd00:ec2::254 ff02::1
2001:db8::1 2002:7f00:1:: 2002:0a00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::1 fec0::1
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_world_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE.split())
def test_no_other_address_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


names = st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3}){0,3}", fullmatch=True)


@given(listed=st.lists(names, max_size=3), asked=names, port=st.sampled_from([80, 443, 8080]))
def test_a_name_is_reached_only_when_it_stands_on_the_list(
    listed: list[str], asked: str, port: int
) -> None:
    words = [name for name in listed if name != "all"]
    allowed = Reach.parse(words).why_not(meant(asked), port) == ""
    assert allowed == (asked in words and port in (80, 443))


@given(st.text(max_size=40))
def test_what_a_request_names_is_a_plain_name_or_an_address_or_an_error(text: str) -> None:
    try:
        host, _ = host_and_port(text)
    except ValueError:
        return
    if isinstance(host, str):
        assert host.isascii()
        assert host == host.lower()
        assert not set(host) & set("@ %:/\\[]\0")
        assert not host.endswith(".")
