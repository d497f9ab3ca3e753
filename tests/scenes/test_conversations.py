"""What an upstream is asked when a Responses client builds on an answer that is kept here."""

from __future__ import annotations

import json

import pytest
import trio

from mux.codecs import openai_responses
from mux.errors import MuxError
from mux.gateway.conversations import TTL_S
from mux.ir import Text
from tests.scenes.fake import ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import sent, spoken


def ask(text: str, **fields: object) -> bytes:
    return json.dumps({"model": "m", "input": text, **fields}).encode()


@pytest.mark.parametrize("stream", [True, False])
async def test_F44_P73_the_conversation_is_rebuilt_and_instructions_hold_for_one_call(
    autojump_clock, stream
):
    transport = ScriptedTransport(
        *[spoken("openai_chat", Text(f"answer {n}"), stream=stream, ident=f"c{n}") for n in "123"]
    )
    gate = gateway(transport, "openai")
    previous: dict[str, object] = {}
    for number in "123":
        body = ask(f"q{number}", instructions=f"rule {number}", stream=stream, **previous)
        client, _ = await asked(gate, call("openai_responses", body))
        ident = client.body.partition(b'"id":"resp_')[2].partition(b'"')[0].decode()
        previous = {"previous_response_id": f"resp_{ident}"}
    said = [(message["role"], message["content"]) for message in sent(transport)["messages"]]
    assert said == [
        ("system", "rule 3"),
        ("user", "q1"),
        ("assistant", "answer 1"),
        ("user", "q2"),
        ("assistant", "answer 2"),
        ("user", "q3"),
    ]


async def test_a_provider_of_the_dialect_is_asked_for_what_it_keeps_itself(autojump_clock):
    transport = ScriptedTransport(spoken("openai_responses", Text("ok"), stream=False))
    body = ask("q", previous_response_id="resp_theirs")
    await asked(gateway(transport, "openai_responses"), call("openai_responses", body))
    assert transport.asked[0].body == body


async def test_it_also_goes_on_at_a_provider_of_the_dialect(autojump_clock):
    transport = ScriptedTransport(
        spoken("openai_chat", Text("a1"), stream=False),
        spoken("openai_responses", Text("a2"), stream=False),
    )
    gate = gateway(transport, "openai", "openai_responses")
    client, _ = await asked(gate, call("openai_responses", ask("q1")))
    ident = json.loads(client.body)["id"]
    body = ask("q2", previous_response_id=ident).replace(b'"m"', b'"p1://m"')
    await asked(gate, call("openai_responses", body))
    assert "previous_response_id" not in sent(transport)
    texts = [part["text"] for item in sent(transport)["input"] for part in item["content"]]
    assert texts == ["q1", "a1", "q2"]


async def test_answers_are_kept_for_a_day(autojump_clock):
    transport = ScriptedTransport(spoken("openai_chat", Text("a1"), stream=False))
    gate = gateway(transport, "openai")
    client, _ = await asked(gate, call("openai_responses", ask("q1")))
    await trio.sleep(TTL_S)
    body = ask("q2", previous_response_id=json.loads(client.body)["id"])
    with pytest.raises(MuxError) as caught:
        await asked(gate, call("openai_responses", body))
    assert caught.value.code == "previous_response_not_found"


def test_system_items_stay_when_instructions_go():
    decode = openai_responses.CODEC.server.decode_request
    before = decode(
        json.dumps(
            {
                "model": "m",
                "instructions": "once",
                "input": [
                    {"role": "system", "content": "always"},
                    {"role": "user", "content": "q"},
                ],
            }
        ).encode()
    )
    from mux.ir import Response

    resumed = openai_responses.resume(decode(ask("next")), before, Response())
    assert [text.text for text in resumed.system] == ["always"]
