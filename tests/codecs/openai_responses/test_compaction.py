"""Long conversations made short, by OpenAI and by others."""

from __future__ import annotations

import json

from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.ir import Abilities, Answer, Opaque, Response, Role, Text, Thinking, Usage
from tests import recordings
from tests.codecs.openai_responses import comparing
from tests.codecs.openai_responses.telling import decoded
from tests.recordings import needs_corpus

HISTORY = [
    {"role": "user", "content": "I like cats"},
    {"role": "assistant", "content": "Noted."},
    {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/cat.png"}]},
]
BODY = json.dumps({"model": "m", "input": HISTORY}).encode()


def test_another_model_is_asked_for_a_summary_that_comes_back_as_system_text():
    request = CODEC.server.decode_request(BODY, variant="compact")
    last = request.messages[-1]
    assert last.role is Role.USER
    assert isinstance(last.parts[0], Text)
    assert "Summarise" in last.parts[0].text
    response = Response(
        "up-1", "up", 7, (Answer((Thinking(("hm",)), Text("The user likes cats."))),), Usage(9, 5)
    )
    body = json.loads(CODEC.server.encode_response(response, request))
    assert body["object"] == "response.compaction"
    assert body["usage"]["total_tokens"] == 14
    first, second, compaction = body["output"]
    assert first["content"] == [{"type": "input_text", "text": "I like cats"}]
    assert second["content"] == HISTORY[2]["content"]
    assert compaction["id"].startswith("cmp_")
    system = decoded(input=body["output"]).messages[-1]
    assert system.role is Role.SYSTEM
    assert isinstance(system.parts[0], Text)
    assert system.parts[0].text.endswith("The user likes cats.")


def test_openai_compacts_without_being_asked_in_words():
    request = CODEC.server.decode_request(BODY, variant="compact")
    assert CODEC.client.path(request) == "/responses/compact"
    body = json.loads(CODEC.client.encode_request(request, Abilities()).body)
    assert comparing.request(body) == comparing.request(json.loads(BODY))
    assert CODEC.client.path(decoded(input="x")) == "/responses"


def test_a_ciphertext_of_openais_stays_what_it_is():
    item = {"type": "compaction", "encrypted_content": "gAAAA"}
    [message] = decoded(input=[item]).messages
    assert message.parts == (Opaque(DIALECT, item),)


@needs_corpus
def test_recorded_compactions_come_back_equal():
    for exchange in recordings.exchanges(DIALECT, kind="compact"):
        body = json.dumps(exchange["request"]).encode()
        request = CODEC.server.decode_request(body, variant="compact")
        out = json.loads(CODEC.client.encode_request(request, Abilities()).body)
        assert comparing.request(out) == comparing.request(exchange["request"])
        answer = exchange["response"]
        response = CODEC.client.decode_response(json.dumps(answer).encode())
        again = json.loads(CODEC.server.encode_response(response, request))
        assert comparing.response(again) == comparing.response(answer)
