"""Requests of clients of this dialect, field by field."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.gemini import CODEC
from mux.errors import InvalidRequest
from mux.ir import (
    Abilities,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    ReasoningState,
    Request,
    Role,
    Sampling,
    ServerCall,
    ServerResult,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Visibility,
)

HELLO = {"role": "user", "parts": [{"text": "hello"}]}
PNG = "iVBORw0KGgo="


def decode(**fields: Any) -> Request:
    body = json.dumps({"contents": [HELLO], **fields}).encode()
    return CODEC.server.decode_request(body, model="m", stream=True)


def again(request: Request) -> dict[str, Any]:
    return json.loads(CODEC.client.encode_request(request, Abilities()).body)


def parts(*values: dict[str, Any], role: str = "model") -> tuple[Any, ...]:
    [message] = decode(contents=[{"role": role, "parts": [*values]}]).messages
    return message.parts


def refusal(**fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    return caught.value


def sealed(signature: Signature) -> str:
    return base64.b64encode(_envelope.seal(signature, "gemini").encode()).decode()


def test_the_url_says_model_stream_and_framing():
    body = json.dumps({"contents": [HELLO]}).encode()
    request = CODEC.server.decode_request(body, model="models/m-1", stream=True, variant="array")
    assert (request.model, request.stream, request.variant) == ("m-1", True, "array")
    assert request.origin == "gemini"
    assert request.include_usage
    assert request.messages == (Message(Role.USER, (Text("hello"),)),)


def test_P146_snake_case_where_the_schema_names_the_field_and_nowhere_else():
    request = decode(
        system_instruction={"parts": [{"text": "S"}]},
        generation_config={"max_output_tokens": 9, "thinking_config": {"thinking_budget": 5}},
        tools=[
            {
                "function_declarations": [
                    {"name": "f", "parameters_json_schema": {"properties": {"any_of": {}}}}
                ]
            }
        ],
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        contents=[
            HELLO,
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"snake_a": 1}}}]},
            {"parts": [{"function_response": {"name": "f", "response": {"snake_b": 2}}}]},
        ],
    )
    assert request.system == (Text("S"),)
    assert request.max_output == 9
    assert request.reasoning.budget == 5
    assert request.tools == (Tool("f", schema={"properties": {"any_of": {}}}),)
    assert request.tool_choice is not None
    assert request.tool_choice.names == ("f",)
    assert request.messages[1].parts == (ToolCall("", "f", '{"snake_a":1}'),)
    assert request.messages[2].role is Role.TOOL
    assert again(request)["contents"][2]["parts"][0]["functionResponse"]["response"] == {
        "snake_b": 2
    }


def test_generation_config():
    request = decode(
        generationConfig={
            "temperature": 1,
            "topP": 0.5,
            "topK": 40.0,
            "candidateCount": 2,
            "maxOutputTokens": "100",
            "stopSequences": ["a", "b"],
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "seed": "7",
            "responseLogprobs": True,
            "logprobs": 3,
            "responseModalities": ["TEXT", "IMAGE"],
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        }
    )
    assert request.sampling == Sampling(
        temperature=1.0,
        top_p=0.5,
        top_k=40,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
    )
    assert (request.n, request.max_output, request.stop) == (2, 100, ("a", "b"))
    assert request.logprobs == 3
    assert request.modalities == ("text", "image")
    assert request.own("gemini") == {
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}
    }


@pytest.mark.parametrize(
    ("config", "state", "effort", "budget", "visible"),
    [
        (None, ReasoningState.UNSET, None, None, Visibility.HIDDEN),
        ({"thinkingBudget": 0}, ReasoningState.OFF, None, None, Visibility.HIDDEN),
        ({"thinkingBudget": -1}, ReasoningState.ON, None, -1, Visibility.HIDDEN),
        ({"thinkingBudget": 99}, ReasoningState.ON, None, 99, Visibility.HIDDEN),
        ({"thinkingLevel": "high"}, ReasoningState.ON, Effort.HIGH, None, Visibility.HIDDEN),
        ({"thinkingLevel": "XHIGH"}, ReasoningState.ON, Effort.XHIGH, None, Visibility.HIDDEN),
        ({"includeThoughts": True}, ReasoningState.UNSET, None, None, Visibility.SUMMARY),
        (
            {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"},
            ReasoningState.UNSET,
            None,
            None,
            Visibility.HIDDEN,
        ),
    ],
)
def test_thinking_config(config, state, effort, budget, visible):
    reasoning = decode(generationConfig={"thinkingConfig": config}).reasoning
    assert (reasoning.state, reasoning.effort, reasoning.budget) == (state, effort, budget)
    assert reasoning.visible is visible


def test_F27_formats():
    def wanted(**config: Any) -> Any:
        return decode(generationConfig=config).response_format

    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    plain = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    mime = "application/json"
    assert wanted(responseMimeType="text/plain").kind is FormatKind.TEXT
    assert wanted(responseMimeType=mime).kind is FormatKind.JSON_OBJECT
    assert wanted(responseMimeType=mime, responseSchema=schema).schema == plain
    assert wanted(responseMimeType=mime, responseJsonSchema=plain).schema == plain
    assert wanted(response_mime_type=mime, _responseJsonSchema=plain).schema == plain
    assert (
        wanted(responseFormat=[{"text": {"mimeType": mime, "jsonSchema": plain}}]).schema == plain
    )
    enum = decode(
        generationConfig={
            "responseMimeType": "text/x.enum",
            "responseSchema": {"type": "STRING", "enum": ["a", "b"]},
        }
    )
    assert enum.response_format.kind is FormatKind.TEXT
    assert again(enum)["generationConfig"] == {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["a", "b"]},
    }


def test_tools_are_taken_apart():
    declared = {"name": "f", "description": "d", "parameters": {"type": "OBJECT"}}
    request = decode(
        tools=[
            {"functionDeclarations": [declared], "googleSearch": {}},
            {"codeExecution": {}, "urlContext": {}},
            {"fileSearch": {"fileSearchStoreNames": ["s"]}},
        ],
        toolConfig={"includeServerSideToolInvocations": True},
    )
    function, *server = request.tools
    assert isinstance(function, Tool)
    assert (function.name, function.description) == ("f", "d")
    assert function.schema == {"type": "object"}
    assert [tool.kind for tool in server if isinstance(tool, ServerTool)] == [
        "web_search",
        "code_execution",
        "web_fetch",
        "file_search",
    ]
    body = again(request)
    assert body["tools"][0] == {"functionDeclarations": [declared]}
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}


@pytest.mark.parametrize(
    ("config", "mode", "names"),
    [
        ({"mode": "AUTO"}, ChoiceMode.AUTO, ()),
        ({"mode": 3}, ChoiceMode.NONE, ()),
        ({"mode": "ANY"}, ChoiceMode.REQUIRED, ()),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ChoiceMode.NAMED, ("f",)),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ChoiceMode.ALLOWED_REQUIRED, "fg"),
        ({"mode": "VALIDATED"}, ChoiceMode.AUTO, ()),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ChoiceMode.ALLOWED_AUTO, ("f",)),
    ],
)
def test_tool_choice(config, mode, names):
    request = decode(toolConfig={"functionCallingConfig": config})
    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.names) == (mode, tuple(names))
    back = again(request)["toolConfig"]["functionCallingConfig"]
    assert back == {**config, "mode": "NONE" if config["mode"] == 3 else config["mode"]}


def test_parts():
    raw = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "Uw=="}
    result = {"codeExecutionResult": {"id": "x", "outcome": "OUTCOME_OK", "output": "1"}}
    search = {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}}}
    found = {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {}}}
    sketch = {"inlineData": {"mimeType": "image/png", "data": PNG}, "thought": True}
    unknown = {"audioTranscription": {"text": "x"}}
    own = Signature("gemini", "Uw==")
    assert parts(
        {"text": "plan", "thought": True},
        {"text": "hi", "thoughtSignature": "Uw=="},
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Uw=="},
        raw,
        result,
        search,
        found,
        sketch,
        unknown,
    ) == (
        Thinking(("plan",), summary=True),
        Text("hi", signature=own),
        ToolCall("c", "f", '{"a":1}', signature=own),
        ServerCall("code_execution", "", "", '{"language":"PYTHON","code":"1"}', "gemini", raw),
        ServerResult(
            "code_execution", "x", "gemini", result, output=result["codeExecutionResult"]["output"]
        ),
        ServerCall("other", "t", "", '{"q":"x"}', "gemini", search),
        ServerResult("other", "t", "gemini", found),
        Opaque("gemini", sketch),
        Opaque("gemini", unknown),
    )


@pytest.mark.parametrize(
    ("part", "kind", "source", "mime"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": PNG}}, "image", "base64", "image/png"),
        ({"inline_data": {"mime_type": "audio/wav", "data": ""}}, "audio", "base64", "audio/wav"),
        (
            {"fileData": {"fileUri": "https://example.com/a.pdf?x"}},
            "document",
            "url",
            "",
        ),
        ({"fileData": {"fileUri": "https://youtu.be/x"}}, "video", "url", ""),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a"}},
            "image",
            "file_id",
            "image/png",
        ),
        (
            {
                "fileData": {
                    "mimeType": "video/mp4",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x",
                }
            },
            "video",
            "file_id",
            "video/mp4",
        ),
    ],
)
def test_media(part, kind, source, mime):
    [media] = parts(part, role="user")
    assert isinstance(media, Media)
    assert (media.kind, media.source, media.mime) == (MediaKind(kind), SourceKind(source), mime)


def test_url_safe_base64_becomes_standard():
    [media] = parts({"inlineData": {"mimeType": "image/png", "data": "-_8"}}, role="user")
    assert media.data == "+/8="


def test_modifiers_of_a_part_come_back():
    part = {
        "fileData": {"fileUri": "gs://b/a.mp4", "mimeType": "video/mp4"},
        "videoMetadata": {"fps": 2, "startOffset": "1s"},
        "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
    }
    request = decode(contents=[{"role": "user", "parts": [part]}])
    assert again(request)["contents"][0]["parts"] == [part]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "hi"}, "hi", False),
        ({"error": "no"}, "no", True),
        ({"error": {"code": 1}}, '{"code":1}', True),
        ({"result": "hi"}, '{"result":"hi"}', False),
        ({"output": "hi", "more": 1}, '{"output":"hi","more":1}', False),
        ({"output": [1]}, '{"output":[1]}', False),
        ({}, "", False),
    ],
)
def test_function_responses(response, text, is_error):
    value = {"functionResponse": {"name": "f", "response": response}}
    request = decode(contents=[{"role": "function", "parts": [value]}])
    [result] = request.messages[0].parts
    assert isinstance(result, ToolResult)
    assert (result.text, result.is_error, result.name) == (text, is_error, "f")
    assert again(request)["contents"][0]["parts"] == [value]


def test_a_result_with_media_and_one_beside_other_parts():
    value = {
        "functionResponse": {
            "id": "c",
            "name": "f",
            "response": {"output": "see"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
            "scheduling": "SILENT",
        }
    }
    content = {"role": "user", "parts": [value, {"text": "and?"}]}
    request = decode(contents=[content])
    [message] = request.messages
    assert message.role is Role.USER
    result, text = message.parts
    assert isinstance(result, ToolResult)
    assert [type(part).__name__ for part in result.content] == ["Text", "Media"]
    assert text == Text("and?")
    assert again(request)["contents"] == [content]


def test_unknown_fields_go_back_where_they_were():
    fields = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "cachedContent": "cachedContents/x",
        "continuationToken": "abc",
        "labels": {"team_a": "x"},
        "serviceTier": "flex",
        "store": False,
        "brandNew": {"x": 1},
    }
    request = decode(**fields)
    assert request.service_tier == "flex"
    assert request.metadata == {"team_a": "x"}
    assert request.store is False
    body = again(request)
    assert {key: body[key] for key in fields} == fields


def test_P239_null_is_absent():
    request = decode(
        tools=None, toolConfig=None, systemInstruction=None, generationConfig={"topK": None}
    )
    assert request.tools == ()
    assert request.sampling == Sampling()


def test_one_object_where_a_list_may_stand():
    body = {"contents": {"parts": {"text": "x"}}, "systemInstruction": "S", "model": "models/b"}
    request = CODEC.server.decode_request(json.dumps(body).encode(), stream=False)
    assert request.model == "b"
    assert request.system == (Text("S"),)
    assert request.messages == (Message(Role.USER, (Text("x"),)),)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "assistant", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        (
            {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
            "contents[0].parts[0].functionResponse.response",
        ),
        ({"generation_config": {"max_output_tokens": "x"}}, "generationConfig.maxOutputTokens"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0].text"),
    ],
)
def test_every_refusal_names_the_field(fields, param):
    assert refusal(**fields).param == param


def test_a_foreign_signature_returns_to_the_reasoning_it_signed():
    theirs = Signature("anthropic", "EqQB", model="claude")
    assert parts(
        {"text": "first, ", "thought": True},
        {"text": "then", "thought": True},
        {"functionCall": {"id": "toolu_1", "name": "f"}, "thoughtSignature": sealed(theirs)},
    ) == (
        Thinking(("first, then",), summary=True, signature=theirs),
        ToolCall("toolu_1", "f", "{}"),
    )


def test_a_foreign_signature_without_its_text_is_reasoning_all_the_same():
    theirs = Signature("openai_responses", "gAAA", "enc", id="rs_1")
    redacted = Signature("anthropic", "secret", "redacted")
    assert parts(
        {"text": "seen", "thought": True},
        {"text": "", "thoughtSignature": sealed(redacted)},
        {"text": "", "thoughtSignature": sealed(theirs).replace("+", "-").replace("/", "_")},
        {"text": "answer"},
    ) == (
        Thinking(("seen",), summary=True),
        Thinking(summary=True, signature=redacted),
        Thinking(summary=True, signature=theirs),
        Text("answer"),
    )


def test_the_pieces_of_a_streamed_answer_are_one_text_again():
    pieces = [{"text": "Hel"}, {"text": "lo"}, {"text": "", "thoughtSignature": "Uw=="}]
    call = {"functionCall": {"name": "f"}}
    contents = [
        HELLO,
        {"role": "model", "parts": pieces[:2]},
        {"role": "model", "parts": [{"text": "!"}, pieces[2]]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
    ]
    _, model, user = decode(contents=contents).messages
    native = Signature("gemini", "Uw==")
    assert model.parts == (
        Text("Hello!"),
        Text("", signature=native),
        ToolCall("", "f", "{}"),
    )
    assert user.parts == (Text("a"), Text("b"))


def test_P206_no_envelope_reaches_the_upstream():
    theirs = sealed(Signature("anthropic", "EqQB"))
    broken = base64.b64encode(b"mux1.!!!").decode()
    request = decode(
        contents=[
            HELLO,
            {
                "role": "model",
                "parts": [
                    {"text": "plan", "thought": True},
                    {"text": "hi", "thoughtSignature": theirs},
                    {"text": "ho", "thoughtSignature": broken},
                    {"executableCode": {"code": "1"}, "thoughtSignature": theirs},
                    {"functionCall": {"name": "f"}, "thoughtSignature": "Uw=="},
                ],
            },
        ]
    )
    assert again(request)["contents"][1]["parts"] == [
        {"text": "hiho"},
        {"executableCode": {"code": "1"}},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Uw=="},
    ]


def test_a_broken_envelope_is_no_signature_at_all():
    whole = sealed(Signature("anthropic", "EqQB"))
    assert parts({"text": "hi", "thoughtSignature": whole[:21]}) == (Text("hi"),)
    assert parts({"text": "hi", "thoughtSignature": whole[:20] + "%%%"}) == (Text("hi"),)


def test_P27_nesting_beyond_all_sense():
    deep = b'{"a":' * 700 + b"1" + b"}" * 700
    with pytest.raises(InvalidRequest):
        CODEC.server.decode_request(b'{"contents":[' + deep + b"]}", model="m")


def test_both_spellings_at_once():
    request = decode(generationConfig={"topK": 1, "top_k": 2})
    assert request.sampling.top_k == 1


def test_alternatives_without_logprobs_come_back():
    config = {"logprobs": 2}
    assert again(decode(generationConfig=config))["generationConfig"] == config


def test_a_format_of_something_else_than_text():
    config = {"responseFormat": [{"image": {"aspectRatio": "1:1"}}]}
    assert decode(generationConfig=config).response_format.kind is FormatKind.TEXT
    assert again(decode(toolConfig={"functionCallingConfig": {}}))["toolConfig"] == {
        "functionCallingConfig": {"mode": "AUTO"}
    }


def test_a_content_that_holds_nothing_is_left_out():
    request = decode(contents=[HELLO, {"role": "model", "parts": []}])
    assert again(request)["contents"] == [HELLO]


def test_what_a_result_shows_in_no_known_way_comes_back():
    strange = {"hologram": {"x": 1}}
    file = {"fileData": {"fileUri": "gs://b/a.png", "mimeType": "image/png"}}
    value = {"functionResponse": {"name": "f", "response": {}, "parts": [strange, file]}}
    request = decode(contents=[{"role": "user", "parts": [value]}])
    assert again(request)["contents"][0]["parts"] == [value]


def test_thoughts_that_were_hidden_on_purpose():
    config = {"thinkingConfig": {"includeThoughts": False, "thinkingLevel": "LOW"}}
    assert again(decode(generationConfig=config))["generationConfig"] == config
