"""Secrets are used and never shown."""

from __future__ import annotations

import pytest

from mux.config.secret import Secret
from mux.config.values import ProxyUrl

KEY = "sk-proj-0123456789abcd"


def test_every_way_to_print_a_secret_is_masked():
    secret = Secret(KEY)
    for shown in (str(secret), repr(secret), f"{secret}", f"{[secret]}", f"{secret}"):
        assert "sk-…abcd" in shown
        assert "0123" not in shown


def test_a_short_secret_shows_nothing_at_all():
    assert str(Secret("hunter2")) == "…"
    assert str(Secret("")) == ""


def test_reveal_gives_the_value():
    assert Secret(KEY).reveal() == KEY


def test_secrets_compare_by_value_and_not_with_text():
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


def test_an_empty_secret_is_false():
    assert not Secret("")
    assert Secret("x")


def test_white_space_around_a_key_is_none_of_it():
    assert Secret.parse(f"  {KEY}\n").reveal() == KEY


@pytest.mark.parametrize("text", ["sk-a\nb", "sk-\x00", "sk-ü"])
def test_what_cannot_stand_in_a_header_is_refused_without_being_quoted(text: str):
    with pytest.raises(ValueError, match="characters that no key has") as caught:
        Secret.parse(text)
    assert text not in str(caught.value)


def test_a_proxy_shows_its_host_but_never_its_password():
    proxy = ProxyUrl.parse("socks5://me:hunter2@proxy.example:1080")
    assert str(proxy) == "socks5://proxy.example:1080"
    assert "hunter2" not in repr(proxy)
    assert proxy.reveal() == "socks5://me:hunter2@proxy.example:1080"
