"""What the official SDK makes of what we write (section 8.3 of the dialect's specification)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai.types.responses import Response as OpenAIResponse

from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    Answer,
    Failure,
    Finish,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Request,
    Response,
    ServerCall,
    Signature,
    SourceKind,
    Start,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    Usage,
    Visibility,
    unfold,
)
from tests.codecs.openai_responses.telling import told

ASKED = Request("m", origin=DIALECT, reasoning=Reasoning(visible=Visibility.SUMMARY))
PARTS: tuple[Part, ...] = (
    Thinking(("why", "so"), signature=Signature("anthropic", "c2ln")),
    Text("Look", annotations=(Annotation("https://x", "X", 0, 4),)),
    Text(" here."),
    ServerCall("web_search", "s", "web_search", '{"query":"x"}', "anthropic", {}),
    ToolCall("c1", "f", '{"a":1}', signature=Signature("gemini", "Uw==")),
    ToolCall("c2", "g", ""),
    ToolCall("c3", "patch", "*** Begin", ToolKind.CUSTOM),
    Media(MediaKind.IMAGE, SourceKind.BASE64, "AAAA", "image/png"),
    Text("Done."),
)
ANSWER = Response(
    "up-1", "up", 7, (Answer(PARTS, Finish(StopReason.TOOL_CALLS)),), Usage(9, 5, 1, 0, reasoning=2)
)


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    """An SDK whose every request is answered with `client.tape`."""
    tape: dict[str, bytes] = {}

    def reply(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            200, headers={"content-type": "text/event-stream"}, content=tape["body"]
        )

    transport = httpx2.Client(transport=httpx2.MockTransport(reply))
    sdk = openai.OpenAI(
        api_key="k", base_url="http://mux.test/v1", http_client=transport, max_retries=0
    )
    sdk.tape = tape  # type: ignore[attr-defined]
    with sdk:
        yield sdk


def test_the_accumulator_agrees_with_the_final_response(client):
    client.tape["body"] = told(unfold(ANSWER), ASKED)
    with client.responses.stream(model="m", input="x") as stream:
        texts = [e.delta for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(texts) == "Look here.Done."
    assert final.output_text == "Look here.Done."
    assert [item.type for item in final.output] == [
        "reasoning",
        "message",
        "web_search_call",
        "reasoning",
        "function_call",
        "function_call",
        "custom_tool_call",
        "image_generation_call",
        "message",
    ]
    assert final.output[4].arguments == '{"a":1}'
    assert final.output[5].arguments == "{}"
    assert final.output[6].input == "*** Begin"
    assert final.usage.output_tokens_details.reasoning_tokens == 2


def test_every_event_is_one_the_sdk_knows(client):
    client.tape["body"] = told(unfold(ANSWER), ASKED)
    events = list(client.responses.create(model="m", input="x", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    for event in events:
        assert type(event).__name__.startswith("Response")
        type(event).model_validate(event.to_dict())


def test_a_whole_answer_validates():
    body = CODEC.server.encode_response(ANSWER, ASKED)
    response = OpenAIResponse.model_validate_json(body)
    assert response.output_text == "Look here.Done."


def test_an_early_failure_is_raised(client):
    client.tape["body"] = told([Failure(ErrorKind.OVERLOADED, "busy")], ASKED)
    with pytest.raises(openai.APIError, match="busy"):
        list(client.responses.create(model="m", input="x", stream=True))


def test_a_late_failure_is_an_event(client):
    client.tape["body"] = told([Start("r", "m", 1), Failure(ErrorKind.SERVER, "broke")], ASKED)
    with client.responses.stream(model="m", input="x") as stream:
        events = list(stream)
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.message == "broke"
