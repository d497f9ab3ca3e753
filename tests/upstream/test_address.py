"""URLs taken apart, and what of them may be shown."""

from __future__ import annotations

import pytest

from mux.upstream._address import Origin, split

SPLIT = {
    "https://api.example/v1/chat?alt=sse#x": (
        Origin("https", "api.example", 443),
        "/v1/chat?alt=sse",
        "api.example",
        "https://api.example:443",
    ),
    "HTTP://API.Example:8080": (
        Origin("http", "api.example", 8080),
        "/",
        "api.example:8080",
        "http://api.example:8080",
    ),
    "https://api.example:80/": (
        Origin("https", "api.example", 80),
        "/",
        "api.example:80",
        "https://api.example:80",
    ),
    "http://[::1]:11434/api": (
        Origin("http", "::1", 11434),
        "/api",
        "[::1]:11434",
        "http://[::1]:11434",
    ),
    "http://[::1]?a=b": (Origin("http", "::1", 80), "/?a=b", "[::1]", "http://[::1]:80"),
    "https://b\u00fccher.example/a%20b": (
        Origin("https", "xn--bcher-kva.example", 443),
        "/a%20b",
        "xn--bcher-kva.example",
        "https://xn--bcher-kva.example:443",
    ),
}


@pytest.mark.parametrize(
    ("url", "origin", "target", "authority", "shown"),
    [(url, *expected) for url, expected in SPLIT.items()],
    ids=SPLIT.keys(),
)
def test_split(url, origin, target, authority, shown) -> None:
    assert split(url) == (origin, target)
    assert origin.authority == authority
    assert str(origin) == shown
