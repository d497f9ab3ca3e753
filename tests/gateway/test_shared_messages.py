"""What the gateway changes of a message is the same with every request the message comes with."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mux.gateway.signatures import SignatureMemory, keep_own
from mux.ir import Message, Part, Request, Role, Signature, Text, Thinking, ToolCall

THOUGHT = Thinking(("Hm.",), signature=Signature("anthropic", "c2ln", route="first"))
CALL = ToolCall("call_1", "look", '{"a":1}')
ASK = Message(Role.USER, (Text("ask"),))


def spoken(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def test_a_message_without_foreign_signatures_stays_the_same_one():
    foreign = spoken(THOUGHT, CALL)
    request = Request("m", (ASK, foreign))
    assert keep_own(request, "first") is request
    first, second = (keep_own(replace(request, n=n), "second").messages for n in (1, 2))
    assert first[0] is second[0] is ASK
    assert first[1] is second[1] == spoken(replace(THOUGHT, signature=None), CALL)
    assert foreign.parts[0] is THOUGHT


@pytest.mark.parametrize("client", ["one", "two"])
def test_a_turn_is_restored_to_the_same_message_and_only_for_its_client(client):
    memory = SignatureMemory(lambda: 0.0)
    memory.remember("one", (THOUGHT, CALL))
    request = Request("m", (ASK, spoken(CALL)))
    first, second = (memory.restore(client, request).messages for _ in range(2))
    assert first[0] is ASK
    assert first[1] is second[1]
    assert first[1] == (spoken(THOUGHT, CALL) if client == "one" else spoken(CALL))
