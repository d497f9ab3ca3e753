"""Sizes, durations and addresses as people write them."""

from __future__ import annotations

import pytest

from mux.config.values import HostName, HttpUrl, ProxyUrl, Seconds, Size, WebOrigin


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50 MB", 50_000_000),
        ("50MB", 50_000_000),
        ("50 mb", 50_000_000),
        ("50 MiB", 52_428_800),
        ("1.5k", 1500),
        ("2 GB", 2_000_000_000),
        ("1 TiB", 1 << 40),
        ("4096", 4096),
        ("512 B", 512),
    ],
)
def test_sizes(text: str, size: int):
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "MB", "50 XB", "-1", "1e3", "50 MB each", "0", "0 MB"])
def test_what_is_no_size(text: str):
    with pytest.raises(ValueError, match=r"expected a size|more than nothing"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("5", 5.0),
        ("0.5", 0.5),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        ("1m 30s", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("0", 0.0),
    ],
)
def test_durations(text: str, seconds: float):
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 parsecs", "-5s", "5s or so", "nan", "inf", "1e9"])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="expected a duration"):
        Seconds.parse(text)


def test_an_address_loses_the_slash_at_its_end():
    assert HttpUrl.parse("https://host/v1/") == "https://host/v1"
    assert HttpUrl.parse("") == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://host", "must begin with http"),
        ("host:8080", "address"),
        ("https://", "address"),
        ("https://host:port", "address"),
        ("https://host:99999", "address"),
        ("https://user:pass@host", "user name or password"),
        ("https://host/?key=1", "query or fragment"),
        ("https://host/#x", "query or fragment"),
        ("http://169.254.169.254/latest", "credentials"),
        ("http://[::ffff:169.254.169.254]", "credentials"),
        ("http://[fd00:ec2::254]", "credentials"),
        ("http://Metadata.Google.Internal.", "credentials"),
        ("https://ho st", "spaces"),
        ("https://host\r\nx", "spaces or control"),
    ],
)
def test_T11_an_address_that_could_hide_something_is_refused(text: str, problem: str):
    with pytest.raises(ValueError, match=problem) as caught:
        HttpUrl.parse(text)
    assert "pass@" not in str(caught.value)


def test_T11_machines_nearby_may_be_asked():
    for text in ("http://169.254.7.9:11434", "http://10.0.0.1", "http://[fe80::1]:1234"):
        assert HttpUrl.parse(text) == text


@pytest.mark.parametrize(
    ("text", "loopback", "port"),
    [
        ("http://localhost:11434", True, 11434),
        ("http://127.0.0.1", True, 80),
        ("http://127.8.8.8:1", True, 1),
        ("https://[::1]", True, 443),
        ("https://api.openai.com/v1", False, 443),
        ("http://localhost.example.com", False, 80),
        ("http://127.example.com", False, 80),
    ],
)
def test_where_an_address_leads(text: str, loopback: bool, port: int):
    url = HttpUrl.parse(text)
    assert url.loopback is loopback
    assert url.port == port


@pytest.mark.parametrize(
    ("text", "name"),
    [("Mux.Example.COM", "mux.example.com"), ("tunnel:99", "tunnel:99"), ("[::1]:1", "[::1]:1")],
)
def test_names_of_the_server(text: str, name: str):
    assert HostName.parse(text) == name


@pytest.mark.parametrize("text", ["", "*", "a b", "http://a", "a/b", "a,b", "a:b", "u@a"])
def test_no_other_names(text: str):
    with pytest.raises(ValueError, match="expected a host name"):
        HostName.parse(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.example.com/", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_origins_of_web_pages(text: str, origin: str):
    assert WebOrigin.parse(text) == origin


@pytest.mark.parametrize("text", ["", "*", "null", "app.example.com", "https://a/b", "https://*.a"])
def test_no_other_origins(text: str):
    with pytest.raises(ValueError, match="expected an origin"):
        WebOrigin.parse(text)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_proxies(scheme: str):
    assert ProxyUrl.parse(f"{scheme}://proxy:1080").reveal() == f"{scheme}://proxy:1080"


def test_no_other_proxies():
    with pytest.raises(ValueError, match="must begin with one of http"):
        ProxyUrl.parse("ssh://proxy")
