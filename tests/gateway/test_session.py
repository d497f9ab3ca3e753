"""What names a conversation, so that it goes where its prompt cache is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.gateway.call import Call
from mux.gateway.session import session_of

HI = {"role": "user", "content": "hi"}
MORE = [HI, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "and?"}]


def session(dialect: str = "openai_chat", client: str = "", said: Any = None, **more: Any) -> str:
    """The name of a conversation of which `said` are the messages; `headers` and fields beside."""
    headers = more.pop("headers", {})
    fields = {"model": "m", "messages": said or [HI], **more}
    if dialect == "anthropic":
        fields["max_tokens"] = 9
    body = json.dumps(fields).encode()
    return session_of(
        Call(dialect, CODECS[dialect].server.decode_request(body), body, headers, client)
    )


@pytest.mark.parametrize(
    "name",
    ["x-claude-code-session-id", "session_id", "session-id", "x-session-id", "conversation_id"],
)
def test_a_session_header_names_it_whatever_is_said(name):
    one, two = ({"headers": {name: ident}} for ident in ("s-1", "s-2"))
    assert session(**one) == session(**one, said=[{"role": "user", "content": "other"}])
    assert session(**one) != session(**two)
    assert session(**one) == session(**one, prompt_cache_key="k"), "before all else"


def test_a_cache_key_names_it():
    assert session(prompt_cache_key="k", said=MORE) == session(prompt_cache_key="k", said=[MORE[2]])
    assert session(prompt_cache_key="k") != session(prompt_cache_key="l")


def test_the_user_id_of_a_messages_client_names_it():
    one, two = ({"metadata": {"user_id": f"user_1_session_{n}"}} for n in (1, 2))
    assert session("anthropic", **one) == session("anthropic", **one, said=MORE[2:])
    assert session("anthropic", **one) != session("anthropic", **two)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "ollama"])
def test_else_its_beginning_names_it(dialect):
    assert session(dialect) == session(dialect, said=MORE)
    assert session(dialect) != session(dialect, said=[{"role": "user", "content": "ho"}])


def test_nobody_is_in_the_conversation_of_another():
    assert session(client="a") != session(client="b")
    assert session() != session(model="n")
