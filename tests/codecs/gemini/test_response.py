"""Whole answers, decoded and encoded."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.gemini import CODEC
from mux.errors import ContextLengthExceeded, UpstreamProtocolError
from mux.ir import (
    Annotation,
    Answer,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerCall,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
    ToolResult,
    Usage,
    Visibility,
)
from tests import sdk

ASKED = Request("asked", origin="gemini")
HIDDEN = Request("asked", origin="gemini", reasoning=Reasoning(visible=Visibility.HIDDEN))


def body(*parts: dict[str, Any], **fields: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": [*parts]}, "finishReason": "STOP", **fields}
    return json.dumps({"candidates": [candidate], "responseId": "r", "modelVersion": "m"}).encode()


def decode(*parts: dict[str, Any], **fields: Any) -> Response:
    return CODEC.client.decode_response(body(*parts, **fields))


def encode(*parts: Any, request: Request = ASKED, **fields: Any) -> dict[str, Any]:
    finish = fields.pop("finish", Finish(StopReason.STOP))
    response = Response("r", "up", 1, (Answer(parts, finish),), **fields)
    return json.loads(CODEC.server.encode_response(response, request))


def shown(*parts: Any, request: Request = ASKED) -> list[dict[str, Any]]:
    return encode(*parts, request=request)["candidates"][0]["content"]["parts"]


def sealed(signature: Signature) -> str:
    return base64.b64encode(_envelope.seal(signature, "gemini").encode()).decode()


def test_P118_calls_end_in_tool_calls_and_go_back_as_stop():
    response = decode({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}})
    assert response.parts == (ToolCall("c1", "f", '{"a":1}'),)
    assert response.finish.reason is StopReason.TOOL_CALLS
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again["candidates"][0]["finishReason"] == "STOP"


def test_F19_P119_calls_without_ids_get_stable_ones_that_their_client_never_sees():
    call = {"functionCall": {"name": "f", "args": {}}}
    first, second = decode(call, call).parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id.startswith("call_")
    assert first.id != second.id
    assert decode(call, call).parts == (first, second)
    again = json.loads(CODEC.server.encode_response(decode(call, call), ASKED))
    assert again["candidates"][0]["content"]["parts"] == [call, call]


def test_an_id_no_other_dialect_takes_is_replaced_on_the_way_and_back():
    call = {"functionCall": {"id": "a:b", "name": "f", "args": {}}}
    [part] = decode(call).parts
    assert isinstance(part, ToolCall)
    assert ":" not in part.id
    assert shown(part) == [call]


def test_P122_P123_thoughts_and_signatures():
    own = Signature("gemini", "Uw==")
    response = decode(
        {"text": "plan", "thought": True},
        {"text": "hi"},
        {"text": ""},
        {"text": "", "thoughtSignature": "Uw=="},
    )
    assert response.parts == (
        Thinking(("plan",), summary=True),
        Text("hi"),
        Text("", signature=own),
    )
    assert shown(*response.parts) == [
        {"text": "plan", "thought": True},
        {"text": "hi"},
        {"text": "", "thoughtSignature": "Uw=="},
    ]


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "SPII", "MODEL_ARMOR", "ESCALATION"])
def test_filters(reason):
    finish = decode({"text": "par"}, finishReason=reason).finish
    assert finish.reason is StopReason.CONTENT_FILTER
    assert reason in finish.explanation
    assert finish.native == reason


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("MAX_TOKENS", StopReason.LENGTH),
        ("CONTINUATION", StopReason.CONTINUATION),
        ("MALFORMED_FUNCTION_CALL", StopReason.MALFORMED_TOOL),
        ("MISSING_THOUGHT_SIGNATURE", StopReason.MALFORMED_TOOL),
        ("OTHER", StopReason.UNKNOWN),
        ("SOMETHING_NEW", StopReason.UNKNOWN),
        (2, StopReason.LENGTH),
        (10, StopReason.MALFORMED_TOOL),
        (99, StopReason.UNKNOWN),
    ],
)
def test_other_reasons(reason, stop):
    response = decode({"text": "x"}, finishReason=reason)
    assert response.finish.reason is stop
    if isinstance(reason, str):
        again = json.loads(CODEC.server.encode_response(response, ASKED))
        assert again["candidates"][0]["finishReason"] == reason


def test_P131_what_continues_an_answer_is_kept():
    response = decode({"text": "x"}, finishReason="CONTINUATION", continuationToken="abc")
    assert response.finish.ext == {"gemini": {"continuationToken": "abc"}}


def test_F35_P127_a_candidate_without_content():
    whole = {"candidates": [{"finishReason": "SAFETY", "finishMessage": "no way"}]}
    response = CODEC.client.decode_response(json.dumps(whole).encode())
    assert response.parts == ()
    assert response.finish.explanation == "no way"


def test_F35_P128_a_refused_prompt_is_a_filtered_answer():
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    whole = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}}
    response = CODEC.client.decode_response(json.dumps(whole).encode())
    assert response.finish.reason is StopReason.CONTENT_FILTER
    assert "PROHIBITED_CONTENT" in response.finish.explanation
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again == {**whole, "modelVersion": "asked"}


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"candidates":[]}', b'"x"'])
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(UpstreamProtocolError):
        CODEC.client.decode_response(data)


def test_P18_an_error_under_status_200():
    data = {"error": {"code": 400, "message": "The input token count (9) exceeds", "status": "X"}}
    with pytest.raises(ContextLengthExceeded):
        CODEC.client.decode_response(json.dumps(data).encode())


def test_several_candidates():
    whole = {
        "candidates": [
            {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"},
            {"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"},
        ]
    }
    response = CODEC.client.decode_response(json.dumps(whole).encode())
    assert [answer.parts for answer in response.answers] == [(Text("a"),), (Text("b"),)]
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert [candidate["index"] for candidate in again["candidates"]] == [0, 1]


def test_pieces_that_only_this_dialect_has():
    code = {"executableCode": {"language": 1, "code": "1"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    strange = {"hologram": {"x": 1}}
    response = decode(code, picture, strange, {"inlineData": {"mimeType": 3}})
    named = {"executableCode": {"language": "PYTHON", "code": "1"}}
    arguments = '{"language":"PYTHON","code":"1"}'
    call_id = response.parts[0].id
    assert response.parts == (
        ServerCall("code_execution", call_id, arguments=arguments, dialect="gemini", raw=named),
        Media(MediaKind.IMAGE, SourceKind.BASE64, "AA==", "image/png"),
        Opaque("gemini", strange),
    )
    assert shown(*response.parts) == [named, picture, strange]


def test_P149_grounding_counts_bytes_and_annotations_count_characters():
    text = "Grüße aus München. 😀 Wetter: gut."
    cited = "Wetter: gut."
    start = len(text[: text.index(cited)].encode())
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"title": "B", "text": "…"}},
        ],
        "groundingSupports": [
            {
                "segment": {
                    "startIndex": start,
                    "endIndex": start + len(cited),
                    "text": cited,
                },
                "groundingChunkIndices": [0, 1, 7],
            },
            {"segment": {"endIndex": 6, "text": "nowhere"}, "groundingChunkIndices": [0]},
        ],
        "webSearchQueries": ["wetter"],
    }
    response = decode({"text": text}, groundingMetadata=grounding)
    part, search, found = response.parts
    assert json.loads(search.arguments) == {"query": "wetter"}
    assert found.call_id == search.id
    assert isinstance(part, Text)
    where = text.index(cited)
    assert part.annotations == (
        Annotation("https://a", "A", where, len(text), cited, "gemini"),
        Annotation("", "B", where, len(text), cited, "gemini"),
    )
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again["candidates"][0]["groundingMetadata"] == grounding


def test_citations_of_recited_sources():
    sources = {"citationSources": [{"startIndex": 2, "endIndex": 4, "uri": "https://a"}]}
    response = decode({"text": "ü bc"}, citationMetadata=sources)
    [part] = response.parts
    assert isinstance(part, Text)
    assert part.annotations == (Annotation("https://a", "", 1, 3, " b", "gemini"),)


def test_foreign_annotations_become_grounding():
    text = "Ä b c"
    notes = (
        Annotation("https://a", "A", 2, 3, "b"),
        Annotation("https://b", "B", 2, 3, "b"),
        Annotation("https://a", "A", cited_text="all"),
    )
    candidate = encode(Text(text, notes))["candidates"][0]
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"web": {"uri": "https://b", "title": "B"}},
        ],
        "groundingSupports": [
            {
                "segment": {"startIndex": 3, "endIndex": 4, "text": "b"},
                "groundingChunkIndices": [0, 1],
            },
            {
                "segment": {"startIndex": 0, "endIndex": 6, "text": text},
                "groundingChunkIndices": [0],
            },
        ],
    }


def test_logprobs_both_ways():
    result = {
        "chosenCandidates": [{"token": "ü", "tokenId": 7, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "x", "logProbability": -1}]}],
    }
    response = decode({"text": "ü"}, logprobsResult=result, avgLogprobs=-0.5)
    top = TokenLogprob("x", -1.0, (120,))
    token = TokenLogprob("ü", -0.5, (195, 188), (top,))
    assert response.parts == (Text("ü", logprobs=(token,)),)
    again = json.loads(CODEC.server.encode_response(response, ASKED))["candidates"][0]
    assert again["logprobsResult"] == result
    assert again["avgLogprobs"] == -0.5
    built = encode(Text("ü", logprobs=(token,)))["candidates"][0]
    assert built["logprobsResult"] == {
        "chosenCandidates": [{"token": "ü", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "x", "logProbability": -1.0}]}],
    }


def counted(**counts: Any) -> Usage | None:
    whole = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": counts}
    return CODEC.client.decode_response(json.dumps(whole).encode()).usage


def test_P125_P126_usage_arithmetic():
    """The example of translation spec section 29.4."""
    usage = counted(
        promptTokenCount=100,
        cachedContentTokenCount=60,
        toolUsePromptTokenCount=5,
        candidatesTokenCount=20,
        thoughtsTokenCount=8,
        promptTokensDetails=[
            {"modality": "TEXT", "tokenCount": 90},
            {"modality": 4, "tokenCount": 10},
        ],
    )
    assert usage is not None
    assert (usage.input_total, usage.output_total) == (105, 28)
    assert (usage.cache_read, usage.reasoning, usage.tool_prompt) == (60, 8, 5)
    assert counted() is None


def test_usage_of_other_dialects():
    usage = Usage(120, 30, cache_read=90, cache_write=20, reasoning=12, audio_in=7)
    assert encode(usage=usage)["usageMetadata"] == {
        "promptTokenCount": 120,
        "cachedContentTokenCount": 90,
        "candidatesTokenCount": 18,
        "thoughtsTokenCount": 12,
        "totalTokenCount": 150,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
    }
    assert "usageMetadata" not in encode(usage=Usage())


def test_P229_the_model_is_called_what_the_client_called_it():
    assert encode(Text("hi"))["modelVersion"] == "asked"


def test_the_time_of_the_answer():
    whole = {
        "candidates": [{"finishReason": "STOP"}],
        "createTime": "2026-05-27T16:53:45.443719Z",
        "modelStatus": {"modelStage": "STABLE"},
    }
    response = CODEC.client.decode_response(json.dumps(whole).encode())
    assert response.created == 1779900825
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again["createTime"] == whole["createTime"]
    assert again["modelStatus"] == whole["modelStatus"]


def test_foreign_signatures_wait_for_the_next_call_or_text():
    first, second = Signature("anthropic", "A"), Signature("anthropic", "B", "redacted")
    third = Signature("openai_responses", "C", "enc", id="rs_1")
    picture = Media(MediaKind.IMAGE, SourceKind.BASE64, "AA==", "image/png")
    assert shown(
        Thinking(("one",), signature=first),
        Thinking(signature=second),
        picture,
        ToolCall("c", "f", "{}"),
        Text("x"),
        Thinking(("two",), signature=third),
    ) == [
        {"text": "one", "thought": True},
        {"text": "", "thoughtSignature": sealed(first)},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": sealed(second)},
        {"text": "x"},
        {"text": "two", "thought": True},
        {"text": "", "thoughtSignature": sealed(third)},
    ]


def test_hidden_thoughts_leave_their_signatures():
    own, theirs = Signature("gemini", "Uw=="), Signature("anthropic", "A")
    assert shown(Thinking(("one",), signature=theirs), Text("x"), request=HIDDEN) == [
        {"text": "x", "thoughtSignature": sealed(theirs)}
    ]
    assert shown(Thinking(("one",), signature=own), request=HIDDEN) == [
        {"text": "", "thoughtSignature": "Uw=="}
    ]
    assert shown(Thinking(("one",), signature=own)) == [
        {"text": "one", "thought": True, "thoughtSignature": "Uw=="}
    ]


def test_what_the_client_gets_comes_back_as_what_it_was():
    theirs = Signature("anthropic", "A", model="claude")
    parts = (
        Thinking(("one",), summary=True, signature=theirs),
        ToolCall("toolu_1", "f", '{"a":1}'),
    )
    history = {"contents": [{"role": "model", "parts": shown(*parts)}]}
    request = CODEC.server.decode_request(json.dumps(history).encode(), model="m")
    assert request.messages[0].parts == parts


def test_parts_without_a_form_here():
    assert shown(Refusal("I will not")) == [{"text": "I will not"}]
    assert shown(Opaque("anthropic", {}), ToolResult("c")) == [{"text": ""}]
    assert shown(ServerCall("web_search", dialect="anthropic", raw={})) == [{"text": ""}]
    custom = ToolCall("c", "patch", "*** Begin", ToolKind.CUSTOM)
    assert shown(custom)[0]["functionCall"]["args"] == {"input": "*** Begin"}


@pytest.mark.parametrize(
    ("reason", "native"),
    [
        (StopReason.TOOL_CALLS, "STOP"),
        (StopReason.STOP_SEQUENCE, "STOP"),
        (StopReason.PAUSE, "STOP"),
        (StopReason.UNKNOWN, "STOP"),
        (StopReason.LENGTH, "MAX_TOKENS"),
        (StopReason.CONTEXT_WINDOW, "MAX_TOKENS"),
        (StopReason.CONTENT_FILTER, "SAFETY"),
        (StopReason.REFUSAL, "SAFETY"),
        (StopReason.CONTINUATION, "CONTINUATION"),
        (StopReason.MALFORMED_TOOL, "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_foreign_reasons(reason, native):
    finish = Finish(reason, explanation="because", dialect="anthropic", native="x")
    candidate = encode(Text("x"), finish=finish)["candidates"][0]
    assert candidate["finishReason"] == native
    assert candidate.get("finishMessage") == ("because" if native == "SAFETY" else None)


def test_the_sdk_reads_whole_answers():
    response = Response(
        "r",
        "m",
        1,
        (
            Answer(
                (
                    Thinking(("plan",), signature=Signature("anthropic", "A")),
                    Text("Ä", (Annotation("https://a", "A", 0, 1, "Ä"),)),
                    ToolCall("c", "f", '{"a":1}'),
                ),
                Finish(StopReason.TOOL_CALLS),
            ),
        ),
        Usage(10, 5, reasoning=2, cache_read=3),
    )
    seen = sdk.whole("gemini", CODEC.server.encode_response(response, ASKED))
    assert (seen.text, seen.calls, seen.finish) == ("Ä", [("f", {"a": 1})], "STOP")
    assert seen.usage.total_token_count == 15
    [chunk] = seen.raw
    thought, text, _ = chunk.candidates[0].content.parts
    assert thought.thought
    assert text.thought_signature.startswith(b"mux1.")


def test_a_prompt_with_ratings_and_an_answer():
    feedback = {"safetyRatings": [{"category": 7, "probability": 1}]}
    whole = {"candidates": [{"finishReason": "STOP"}], "promptFeedback": feedback}
    response = CODEC.client.decode_response(json.dumps(whole).encode())
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again["promptFeedback"] == {
        "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]
    }
    assert again["candidates"][0]["finishReason"] == "STOP"


def test_a_time_that_is_none():
    whole = {"candidates": [{"finishReason": "STOP"}], "createTime": "yesterday"}
    assert CODEC.client.decode_response(json.dumps(whole).encode()).created == 0


def test_sources_without_a_place_or_a_name():
    details = {
        "groundingMetadata": {
            "groundingChunks": [{"strange": {}}],
            "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}],
        },
        "citationMetadata": {"citations": [{"text": "not there", "uri": "https://a"}]},
    }
    [part] = decode({"text": "abc"}, **details).parts
    assert isinstance(part, Text)
    assert part.annotations == (Annotation("", "", 0, 2, "ab", "gemini"),)
    again = encode(Text("x", (Annotation("https://a", "A", 0, 1),) * 2))["candidates"][0]
    [support] = again["groundingMetadata"]["groundingSupports"]
    assert support["groundingChunkIndices"] == [0]


def test_segments_of_several_texts():
    def support(part: int, text: str) -> dict[str, Any]:
        segment = {"partIndex": part, "startIndex": 0, "endIndex": 1, "text": text}
        return {"segment": segment, "groundingChunkIndices": [0]}

    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a"}}],
        "groundingSupports": [support(0, "a"), support(1, "a"), support(1, "c"), support(0, "z")],
    }
    first, second = decode({"text": "ab"}, {"text": "ac"}, groundingMetadata=grounding).parts
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert [note.start for note in first.annotations] == [0]
    assert [note.start for note in second.annotations] == [0, 1]
    again = encode(first, Text("ac", (Annotation("https://b", "", 0, 1),)))["candidates"][0]
    segments = [s["segment"] for s in again["groundingMetadata"]["groundingSupports"]]
    assert [segment.get("partIndex") for segment in segments] == [None, 1]


def test_usage_by_modality_and_of_tools():
    usage = counted(
        promptTokenCount=10,
        promptTokensDetails=[{"modality": "IMAGE", "tokenCount": 4}, 7, {"modality": "AUDIO"}],
        candidatesTokensDetails=[{"modality": "AUDIO", "tokenCount": 3}],
    )
    assert usage is not None
    assert (usage.image_in, usage.audio_in, usage.audio_out) == (4, None, 3)
    foreign = Usage(15, 3, tool_prompt=5, audio_out=3)
    assert encode(usage=foreign)["usageMetadata"] == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "toolUsePromptTokenCount": 5,
        "totalTokenCount": 18,
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}],
    }
