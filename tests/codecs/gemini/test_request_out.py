"""Requests of other dialects' clients as the API takes them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mux.codecs.gemini import CODEC
from mux.codecs.gemini.signatures import SKIP_VALIDATION
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Refusal,
    Request,
    ResponseFormat,
    Role,
    Sampling,
    SamplingRule,
    ServerCall,
    ServerResult,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
    Visibility,
)
from tests.laws.strategies import PNG

GIF = base64.b64encode(b"GIF89a-----------").decode()
IMAGE = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
HELLO = Message(Role.USER, (Text("hello"),))
WEATHER = Tool("weather", description="d", schema={"type": "object", "properties": {"a": {}}})


def request(*messages: Message, **fields: Any) -> Request:
    fields = {"origin": "openai_chat", **fields}
    return Request("m-1", messages=messages or (HELLO,), **fields)


def encode(*messages: Message, able: Abilities = Abilities(), **fields: Any) -> dict[str, Any]:  # noqa: B008
    return json.loads(CODEC.client.encode_request(request(*messages, **fields), able).body)


def lost(*messages: Message, able: Abilities = Abilities(), **fields: Any) -> list[str]:  # noqa: B008
    encoded = CODEC.client.encode_request(request(*messages, **fields), able)
    return [loss.code for loss in encoded.losses]


def contents(*messages: Message, **fields: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    return [
        (content["role"], content["parts"]) for content in encode(*messages, **fields)["contents"]
    ]


def refused(*messages: Message, **fields: Any) -> Unsupported:
    with pytest.raises(Unsupported) as caught:
        encode(*messages, **fields)
    return caught.value


def calling(*calls: ToolCall) -> Message:
    return Message(Role.ASSISTANT, calls)


def answering(*results: ToolResult) -> Message:
    return Message(Role.TOOL, results)


def user(*parts: Any) -> Message:
    return Message(Role.USER, parts)


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-pro", True, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        ("gemini-2.5-pro", False, "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("a/b:c?d", False, "/v1beta/models/a%2Fb%3Ac%3Fd:generateContent"),
        ("tunedModels/x", False, "/v1beta/tunedModels/x:generateContent"),
    ],
)
def test_P147_paths(model, stream, path):
    assert CODEC.client.path(Request(model, stream=stream)) == path


def test_a_plain_request():
    body = encode(
        system=(Text("S1"), Text("S2")),
        max_output=100,
        stop=("a", ""),
        sampling=Sampling(temperature=0.5, top_p=0.9, top_k=4, seed=3, presence_penalty=1),
        user_id="somebody",
        cache_key="k",
        include_usage=True,
    )
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "systemInstruction": {"parts": [{"text": "S1"}, {"text": "S2"}]},
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 4,
            "presencePenalty": 1,
            "seed": 3,
            "maxOutputTokens": 100,
            "stopSequences": ["a"],
        },
    }


def test_P139_roles_are_user_and_model_and_neighbours_are_merged():
    assert contents(
        HELLO,
        user(Text("again")),
        Message(Role.ASSISTANT, (Text("one"),)),
        Message(Role.ASSISTANT, (Refusal("two"),)),
        Message(Role.SYSTEM, (Text("be brief"),)),
        user(Text("go")),
    ) == [
        ("user", [{"text": "hello"}, {"text": "again"}]),
        ("model", [{"text": "one"}, {"text": "two"}]),
        (
            "user",
            [
                {"text": "<system-reminder>\nbe brief\n</system-reminder>"},
                {"text": "go"},
            ],
        ),
    ]


def test_F34_the_first_content_is_the_users():
    assistant = Message(Role.ASSISTANT, (Text("hi"),))
    assert contents(assistant, HELLO)[0] == ("user", [{"text": "."}])
    assert lost(assistant, HELLO) == ["degrade:first_message"]
    alone = Request("m", system=(Text("S"),), origin="openai_chat")
    body = json.loads(CODEC.client.encode_request(alone, Abilities()).body)
    assert body["contents"] == [{"role": "user", "parts": [{"text": "."}]}]


def test_F18_P138_results_stand_alone_in_one_content_in_the_order_of_the_calls():
    said = contents(
        HELLO,
        calling(ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "g", "")),
        answering(ToolResult("c2", (Text("second"),))),
        answering(ToolResult("c1", (Text("boom"),), is_error=True)),
        user(Text("and now?")),
    )
    assert said == [
        ("user", [{"text": "hello"}]),
        (
            "model",
            [
                {"functionCall": {"name": "f", "args": {"a": 1}}},
                {"functionCall": {"name": "g", "args": {}}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"name": "f", "response": {"error": "boom"}}},
                {"functionResponse": {"name": "g", "response": {"output": "second"}}},
            ],
        ),
        ("user", [{"text": "and now?"}]),
    ]


def test_P137_an_unanswered_call_gets_an_answer():
    said = contents(HELLO, calling(ToolCall("c1", "f")), user(Text("never mind")))
    assert said[2] == (
        "user",
        [{"functionResponse": {"name": "f", "response": {"error": "no result"}}}],
    )


def test_F19_two_calls_of_one_name_are_answered_in_order():
    said = contents(
        HELLO,
        calling(ToolCall("", "f", '{"n":1}'), ToolCall("", "f", '{"n":2}')),
        answering(ToolResult("", (Text("one"),), "f"), ToolResult("", (Text("two"),), "f")),
        origin="ollama",
    )
    assert [part["functionResponse"]["response"] for part in said[2][1]] == [
        {"output": "one"},
        {"output": "two"},
    ]


def test_P135_P136_results_are_always_wrapped_text():
    trap = '{"$ref": "x"}'
    said = contents(HELLO, calling(ToolCall("c", "f")), answering(ToolResult("c", (Text(trap),))))
    assert said[2][1][0]["functionResponse"]["response"] == {"output": trap}


def test_F16_arguments_are_an_object_whatever_the_model_wrote():
    calls = [ToolCall(f"c{n}", "f", text) for n, text in enumerate(["[1]", '{"a":', " ", "7"])]
    args = [part["functionCall"]["args"] for part in contents(HELLO, calling(*calls))[1][1]]
    assert args == [{"value": [1]}, {"_invalid_json": '{"a":'}, {}, {"value": 7}]


def test_ids_go_to_models_that_want_signatures():
    messages = (HELLO, calling(ToolCall("toolu_1", "f")), answering(ToolResult("toolu_1")))
    said = contents(*messages, able=Abilities(signature_required=True))
    assert said[1][1][0]["functionCall"]["id"] == "toolu_1"
    assert said[2][1][0]["functionResponse"]["id"] == "toolu_1"
    assert "id" not in contents(*messages)[1][1][0]["functionCall"]


def test_F26_media_in_results():
    messages = (
        HELLO,
        calling(ToolCall("c1", "f"), ToolCall("c2", "g")),
        answering(ToolResult("c1", (Text("see"), IMAGE)), ToolResult("c2", (Text("ok"),))),
    )
    inside = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert contents(*messages)[2][1][0]["functionResponse"] == {
        "name": "f",
        "response": {"output": "see"},
        "parts": [inside],
    }
    below = contents(*messages, able=Abilities(tool_media=False))
    assert [role for role, _ in below] == ["user", "model", "user", "user"]
    assert below[2][1][0]["functionResponse"]["response"] == {
        "output": "see\n[image attached below]"
    }
    assert below[3][1] == [inside]
    blind = contents(*messages, able=Abilities(vision=False))
    assert blind[2][1][0]["functionResponse"]["response"]["output"].startswith("see\n[image left")


def test_prefill():
    tail = Message(Role.ASSISTANT, (Text("{"),))
    assert contents(HELLO, tail, origin="anthropic") == [("user", [{"text": "hello"}])]
    assert lost(HELLO, tail, origin="anthropic") == ["degrade:prefill"]
    longer = Message(Role.ASSISTANT, (Text("The answer to everything is"),))
    assert refused(HELLO, longer, origin="anthropic").code == "prefill_unsupported"
    assert contents(HELLO, longer)[1] == ("model", [{"text": "The answer to everything is"}])
    kept = contents(HELLO, tail, origin="anthropic", able=Abilities(prefill=True))
    assert kept[1] == ("model", [{"text": "{"}])


def test_media_by_kind_and_source():
    able = Abilities(audio=True, video=True)
    pdf = Media(MediaKind.DOCUMENT, SourceKind.URL, "https://example.com/a.pdf")
    text = Media(MediaKind.DOCUMENT, SourceKind.TEXT, "words", filename="a.txt")
    sound = Media(MediaKind.AUDIO, SourceKind.BASE64, "SUQz", "audio/mpeg")
    [(_, said)] = contents(user(IMAGE, pdf, text, sound), able=able)
    assert said == [
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
        {
            "inlineData": {
                "mimeType": "text/plain",
                "data": base64.b64encode(b"words").decode(),
                "displayName": "a.txt",
            }
        },
        {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}},
    ]


def test_P117_the_bytes_decide_what_an_image_is():
    wrong = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/jpeg")
    assert contents(user(wrong))[0][1][0]["inlineData"]["mimeType"] == "image/png"


@pytest.mark.parametrize(
    ("media", "able", "word"),
    [
        (Media(MediaKind.IMAGE, SourceKind.BASE64, GIF, "image/png"), Abilities(), "image/gif"),
        (IMAGE, Abilities(vision=False), "image/png"),
        (
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERi0=", "application/pdf"),
            Abilities(pdf=False),
            "application/pdf",
        ),
        (Media(MediaKind.AUDIO, SourceKind.BASE64, "", "audio/wav"), Abilities(), "audio/wav"),
        (
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, "UEsD", "application/zip"),
            Abilities(),
            "application/zip",
        ),
        (
            Media(MediaKind.IMAGE, SourceKind.URL, "https://example.com/a.png"),
            Abilities(image_url=False),
            "address",
        ),
        (Media(MediaKind.IMAGE, SourceKind.FILE_ID, "file-1"), Abilities(), "file id"),
        (Media(MediaKind.VIDEO, SourceKind.URL, "https://a/b"), Abilities(), "video"),
    ],
)
def test_P143_F36_what_cannot_be_read_is_refused_by_name(media, able, word):
    assert word in refused(user(media), able=able).message


def test_detail_is_one_resolution_for_all():
    def low(detail: str) -> Media:
        return Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png", detail)

    body = encode(user(low("low"), low("low")))
    assert body["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_LOW"}
    assert lost(user(low("low"), low("high"))) == ["drop:detail"]
    assert "generationConfig" not in encode(user(low("auto")))


def test_F30_a_signature_goes_back_on_its_own_part():
    sig = Signature("gemini", "Uw==")
    said = contents(
        HELLO,
        Message(
            Role.ASSISTANT,
            (
                Thinking(("plan",), signature=sig),
                ToolCall("c1", "f"),
                ToolCall("c2", "g"),
            ),
        ),
        answering(ToolResult("c1"), ToolResult("c2")),
        origin="anthropic",
        able=Abilities(signature_required=True),
    )
    assert [part.get("thoughtSignature") for part in said[1][1]] == ["Uw==", None]
    assert all("text" not in part for part in said[1][1])


def test_F30_the_first_call_of_each_step_is_never_unsigned():
    steps = (
        calling(ToolCall("c1", "f"), ToolCall("c2", "f")),
        answering(ToolResult("c1"), ToolResult("c2")),
        calling(ToolCall("c3", "f", signature=Signature("gemini", "Uw=="))),
        answering(ToolResult("c3")),
        calling(ToolCall("c4", "f")),
        answering(ToolResult("c4")),
    )
    able = Abilities(signature_required=True)

    def signed(*messages: Message) -> list[Any]:
        return [
            [part.get("thoughtSignature") for part in parts]
            for role, parts in contents(*messages, able=able)
            if role == "model"
        ]

    assert signed(HELLO, *steps) == [[SKIP_VALIDATION, None], ["Uw=="], [SKIP_VALIDATION]]
    assert signed(HELLO, *steps, user(Text("new turn"))) == signed(HELLO, *steps)
    assert all(
        "thoughtSignature" not in part for _, parts in contents(HELLO, *steps[:2]) for part in parts
    )


def test_P206_F29_foreign_reasoning_and_signatures_stay_here():
    theirs = Signature("anthropic", "EqQB")
    said = contents(
        HELLO,
        Message(
            Role.ASSISTANT,
            (
                Thinking(("unsigned",)),
                Thinking(("secret",), signature=theirs),
                Text("hi", signature=theirs),
            ),
        ),
        user(Text("go")),
        origin="anthropic",
    )
    assert said[1] == ("model", [{"text": "hi"}])


def test_a_signature_without_a_part_to_follow_has_one_of_its_own():
    sig = Signature("gemini", "Uw==")
    said = contents(
        HELLO,
        Message(Role.ASSISTANT, (Text("hi"), Thinking(signature=sig))),
        user(Text("go")),
        origin="anthropic",
    )
    assert said[1][1] == [{"text": "hi"}, {"text": "", "thoughtSignature": "Uw=="}]


def test_what_other_providers_ran_is_left_out_and_told():
    ours = {"executableCode": {"code": "1"}}
    assistant = Message(
        Role.ASSISTANT,
        (
            Text("hi"),
            ServerCall("web_search", "s", dialect="anthropic", raw={"type": "server_tool_use"}),
            ServerResult("web_search", "s", dialect="anthropic", raw={}),
            Opaque("anthropic", {"type": "compaction"}),
            ServerCall("code_execution", dialect="gemini", raw=ours),
        ),
    )
    assert contents(HELLO, assistant, user(Text("go")))[1][1] == [{"text": "hi"}, ours]
    assert set(lost(HELLO, assistant, user(Text("go")))) == {"drop:server_tool_history"}


def test_F20_P132_schemas_go_as_json_schema_or_cleaned():
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {"const": {"const": "a"}, "b": {"type": ["string", "null"]}},
    }
    tool = Tool("f", schema=schema)
    [entry] = encode(tools=(tool,))["tools"]
    [declared] = entry["functionDeclarations"]
    assert declared["parametersJsonSchema"] == {
        "type": "object",
        "properties": {"const": {"enum": ["a"]}, "b": {"type": ["string", "null"]}},
    }
    [entry] = encode(tools=(tool,), able=Abilities(json_schema_tools=False))["tools"]
    [declared] = entry["functionDeclarations"]
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {
            "const": {"type": "STRING", "enum": ["a"]},
            "b": {"type": "STRING", "nullable": True},
        },
    }


def test_P133_enums_of_numbers_for_models_that_take_only_strings():
    level = {"type": "integer", "enum": [1, 2], "description": "How loud"}
    tool = Tool("f", schema={"type": "object", "properties": {"level": level}})
    [entry] = encode(tools=(tool,), able=Abilities(json_schema_tools=False))["tools"]
    found = entry["functionDeclarations"][0]["parameters"]["properties"]["level"]
    assert found["type"] == "INTEGER"
    assert "enum" not in found
    assert found["description"].startswith("How loud")
    assert "1" in found["description"]
    assert "2" in found["description"]
    [entry] = encode(tools=(tool,))["tools"]
    assert entry["functionDeclarations"][0]["parametersJsonSchema"]["properties"]["level"] == level


@pytest.mark.parametrize(
    "schema", [None, {"type": "object"}, {"type": "object", "properties": {}, "required": []}]
)
def test_P134_a_tool_without_arguments_declares_none(schema):
    [entry] = encode(tools=(Tool("f", schema=schema),))["tools"]
    assert entry == {"functionDeclarations": [{"name": "f"}]}


def test_P172_P173_names_are_repaired_and_restored():
    names = ["9lives", "a/b", "mcp.server:x", "n" * 80]
    encoded = CODEC.client.encode_request(
        request(tools=tuple(Tool(name) for name in names)), Abilities()
    )
    declared = json.loads(encoded.body)["tools"][0]["functionDeclarations"]
    sent = [tool["name"] for tool in declared]
    assert sent[:3] == ["_9lives", "a_b", "mcp.server:x"]
    assert len(sent[3]) == 64
    originals = {name: tool.name for name, tool in encoded.tools.originals.items()}
    assert originals == {"_9lives": "9lives", "a_b": "a/b", sent[3]: "n" * 80}


def test_P186_free_text_tools_are_wrapped():
    tool = Tool("patch", kind=ToolKind.CUSTOM, grammar=("lark", "start: x"))
    [entry] = encode(tools=(tool,))["tools"]
    [declared] = entry["functionDeclarations"]
    assert "start: x" in declared["description"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        (ToolChoice(ChoiceMode.AUTO), {"mode": "AUTO"}),
        (ToolChoice(ChoiceMode.NONE), {"mode": "NONE"}),
        (ToolChoice(ChoiceMode.REQUIRED), {"mode": "ANY"}),
        (
            ToolChoice(ChoiceMode.NAMED, ("weather",)),
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
        (
            ToolChoice(ChoiceMode.ALLOWED_REQUIRED, ("weather", "other")),
            {"mode": "ANY", "allowedFunctionNames": ["weather", "other"]},
        ),
        (
            ToolChoice(ChoiceMode.ALLOWED_AUTO, ("weather",)),
            {"mode": "VALIDATED", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_tool_choice(choice, config):
    body = encode(tools=(WEATHER, Tool("other")), tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config


def test_strict_tools_are_validated():
    strict = Tool("f", strict=True)
    calling = {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert encode(tools=(strict,))["toolConfig"] == calling
    assert "toolConfig" not in encode(tools=(strict, WEATHER))


def test_a_server_tool_cannot_be_forced():
    search = ServerTool("web_search", "anthropic", {}, "web_search")
    named = ToolChoice(ChoiceMode.NAMED, ("web_search",))
    assert encode(tools=(WEATHER, search), tool_choice=named)["toolConfig"] == {
        "functionCallingConfig": {"mode": "AUTO"},
        "includeServerSideToolInvocations": True,
    }
    assert lost(tools=(WEATHER, search), tool_choice=named) == ["degrade:tool_choice"]
    must = ToolChoice(ChoiceMode.REQUIRED)
    assert "toolConfig" not in encode(tools=(search,), tool_choice=must)
    assert lost(tools=(search,), tool_choice=must) == ["degrade:tool_choice"]


def test_a_model_that_cannot_be_forced_is_asked():
    named = ToolChoice(ChoiceMode.NAMED, ("weather",))
    body = encode(
        tools=(WEATHER, Tool("other")), tool_choice=named, able=Abilities(forced_tool_choice=False)
    )
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}
    assert len(body["tools"][0]["functionDeclarations"]) == 1
    assert "weather" in body["contents"][-1]["parts"][-1]["text"]


def test_a_schema_that_loses_something_is_told():
    tool = Tool("f", schema={"properties": {"a": {"type": "integer", "not": {"const": 1}}}})
    assert lost(tools=(tool,), able=Abilities(json_schema_tools=False)) == ["degrade:tool_schema"]


def test_turns_without_calls_need_no_signature():
    able = Abilities(signature_required=True)
    said = contents(HELLO, Message(Role.ASSISTANT, (Text("hi"),)), able=able)
    assert said[1][1] == [{"text": "hi"}]


def test_a_result_of_another_providers_making():
    result = ToolResult("c", (Opaque("anthropic", {"type": "tool_reference"}), Text("x")))
    said = contents(HELLO, calling(ToolCall("c", "f")), answering(result))
    assert said[2][1][0]["functionResponse"]["response"] == {"output": "x"}


def test_P178_no_tools_no_tool_config():
    assert "toolConfig" not in encode(tool_choice=ToolChoice(ChoiceMode.AUTO))


def test_parallel_calls_cannot_be_forbidden():
    assert lost(tools=(WEATHER,), parallel_tools=False) == ["drop:parallel_tool_calls"]


def test_F25_server_tools_with_an_equivalent():
    search = ServerTool("web_search", "anthropic", {}, "web_search", allowed_domains=("a.com",))
    code = ServerTool("code_execution", "openai_responses", {})
    fetch = ServerTool("web_fetch", "anthropic", {})
    body = encode(tools=(search, code, fetch))
    assert body["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}]
    assert "toolConfig" not in body
    assert lost(tools=(search,)) == ["drop:tool.web_search.allowed_domains"]


def test_P150_server_tools_beside_functions():
    search = ServerTool("web_search", "anthropic", {})
    body = encode(tools=(WEATHER, search))
    assert body["tools"][1] == {"googleSearch": {}}
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    old = Abilities(builtin_with_functions=False)
    assert len(encode(tools=(WEATHER, search), able=old)["tools"]) == 1
    assert lost(tools=(WEATHER, search), able=old) == ["drop:tool.web_search"]


def test_F25_server_tools_without_an_equivalent():
    images = ServerTool("image_generation", "openai_responses", {})
    assert lost(tools=(WEATHER, images)) == ["drop:tool.image_generation"]
    assert refused(tools=(images,)).code == "server_tool_unsupported"
    computer = ServerTool("computer", "anthropic", {})
    assert refused(tools=(WEATHER, computer)).code == "server_tool_unsupported"


BUDGET = Abilities(
    reasoning=ReasoningMode.DEFAULT,
    form=ReasoningForm.BUDGET,
    budget_range=(128, 32768),
)
LEVEL = Abilities(
    reasoning=ReasoningMode.ALWAYS,
    form=ReasoningForm.LEVEL,
    efforts=(Effort.LOW, Effort.MEDIUM, Effort.HIGH),
)
OFF = Reasoning(ReasoningState.OFF)
ON = Reasoning(ReasoningState.ON)


def thinking(reasoning: Reasoning, able: Abilities) -> dict[str, Any] | None:
    return encode(reasoning=reasoning, able=able).get("generationConfig", {}).get("thinkingConfig")


@pytest.mark.parametrize(
    ("reasoning", "able", "config"),
    [
        (Reasoning(), BUDGET, {"includeThoughts": True}),
        (Reasoning(visible=Visibility.HIDDEN), BUDGET, None),
        (OFF, BUDGET, {"thinkingBudget": 128}),
        (OFF, Abilities(form=ReasoningForm.BUDGET, effort_off=True), {"thinkingBudget": 0}),
        (ON, BUDGET, {"includeThoughts": True, "thinkingBudget": -1}),
        (
            Reasoning(ReasoningState.ON, Effort.MEDIUM),
            BUDGET,
            {"includeThoughts": True, "thinkingBudget": 8192},
        ),
        (
            Reasoning(ReasoningState.ON, Effort.MAX, visible=Visibility.HIDDEN),
            BUDGET,
            {"thinkingBudget": 32768},
        ),
        (
            Reasoning(ReasoningState.ON, budget=5, visible=Visibility.HIDDEN),
            BUDGET,
            {"thinkingBudget": 128},
        ),
        (
            Reasoning(ReasoningState.ON, budget=-1, visible=Visibility.HIDDEN),
            BUDGET,
            {"thinkingBudget": -1},
        ),
        (OFF, LEVEL, {"thinkingLevel": "LOW"}),
        (ON, LEVEL, {"includeThoughts": True}),
        (
            Reasoning(effort=Effort.MINIMAL),
            LEVEL,
            {"includeThoughts": True, "thinkingLevel": "LOW"},
        ),
        (
            Reasoning(ReasoningState.ON, Effort.MAX),
            LEVEL,
            {"includeThoughts": True, "thinkingLevel": "HIGH"},
        ),
        (
            Reasoning(ReasoningState.ON, budget=9000),
            LEVEL,
            {"includeThoughts": True, "thinkingLevel": "MEDIUM"},
        ),
        (Reasoning(ReasoningState.ON, Effort.HIGH), Abilities(reasoning=ReasoningMode.NONE), None),
        (Reasoning(), Abilities(), None),
        (
            Reasoning(ReasoningState.ON, Effort.HIGH),
            Abilities(),
            {"includeThoughts": True, "thinkingBudget": 24576},
        ),
    ],
)
def test_P140_P141_thinking(reasoning, able, config):
    assert thinking(reasoning, able) == config


def test_what_cannot_be_switched_off_is_told():
    assert lost(reasoning=OFF, able=BUDGET) == ["degrade:reasoning"]
    assert lost(reasoning=OFF, able=LEVEL) == ["degrade:reasoning"]
    none = Abilities(reasoning=ReasoningMode.NONE)
    assert lost(reasoning=ON, able=none) == ["drop:reasoning"]
    assert lost(reasoning=OFF, able=none) == []


def test_P140_a_native_budget_becomes_a_level_where_levels_are_taken():
    body = {
        "contents": [{"role": "user", "parts": [{"text": "x"}]}],
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 9000, "includeThoughts": True}},
    }
    native = CODEC.server.decode_request(json.dumps(body).encode(), model="m")
    encoded = json.loads(CODEC.client.encode_request(native, LEVEL).body)
    assert encoded["generationConfig"] == {
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "MEDIUM"}
    }


def test_P209_P210_sampling_is_fitted():
    sampling = Sampling(
        temperature=3.0,
        seed=2**40 + 5,
        frequency_penalty=2.0,
        min_p=0.1,
        repeat_penalty=1.1,
        logit_bias={"1": 1},
    )
    assert encode(sampling=sampling)["generationConfig"] == {
        "temperature": 2.0,
        "frequencyPenalty": 1.99,
        "seed": 5,
    }
    assert lost(sampling=sampling) == [
        "drop:min_p",
        "drop:repeat_penalty",
        "drop:logit_bias",
        "degrade:temperature",
    ]
    assert encode(sampling=Sampling(seed=-7))["generationConfig"] == {"seed": -7}
    none = Abilities(sampling=SamplingRule.NO, penalties=False, seed=False)
    assert "generationConfig" not in encode(sampling=sampling, able=none)
    assert "drop:temperature" in lost(sampling=sampling, able=none)


def test_P142_more_stops_than_the_api_takes():
    stops = tuple("abcdefg")
    assert encode(stop=stops)["generationConfig"]["stopSequences"] == list("abcde")
    assert lost(stop=stops) == ["degrade:stop"]
    assert lost(stop=stops, able=Abilities(stop_limit=7)) == []


def test_output_limits():
    able = Abilities(max_output=8192, reasoning=ReasoningMode.DEFAULT)
    hidden = Reasoning(visible=Visibility.HIDDEN)
    body = encode(max_output=10_000, able=able, reasoning=hidden)
    assert body["generationConfig"] == {"maxOutputTokens": 8192}
    assert lost(max_output=10_000, able=able) == ["degrade:max_tokens"]
    assert lost(max_output=100, able=able) == ["risk:thinking_budget"]


def test_P228_several_answers():
    assert encode(n=3)["generationConfig"] == {"candidateCount": 3}
    assert refused(n=3, able=Abilities(n=False)).param == "n"
    assert refused(n=9).param == "n"


def test_logprobs():
    assert encode(logprobs=0)["generationConfig"] == {"responseLogprobs": True}
    assert encode(logprobs=25)["generationConfig"] == {"responseLogprobs": True, "logprobs": 20}
    assert lost(logprobs=1, able=Abilities(logprobs=False)) == ["drop:logprobs"]


def test_F27_formats():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    mime = {"responseMimeType": "application/json"}
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "n", schema)
    assert (
        encode(response_format=ResponseFormat(FormatKind.JSON_OBJECT))["generationConfig"] == mime
    )
    assert encode(response_format=wanted)["generationConfig"] == {
        **mime,
        "responseJsonSchema": schema,
    }
    old = Abilities(json_schema_tools=False)
    assert encode(response_format=wanted, able=old)["generationConfig"] == {
        **mime,
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
    }


def test_P151_a_format_beside_tools_is_asked_for_in_words_where_it_must_be():
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "n", {"type": "object"})
    able = Abilities(structured_with_tools=False)
    body = encode(response_format=wanted, tools=(WEATHER,), able=able)
    assert "generationConfig" not in body
    assert '{"type":"object"}' in body["systemInstruction"]["parts"][-1]["text"]
    assert lost(response_format=wanted, tools=(WEATHER,), able=able) == ["degrade:response_format"]
    assert "generationConfig" in encode(response_format=wanted, able=able)


def test_the_envelope_of_the_request():
    body = encode(
        metadata={"Team": "Blue", "bad key": "x", "n": 1},
        service_tier="flex",
        store=True,
        verbosity="low",
    )
    assert body["labels"] == {"team": "blue"}
    assert body["serviceTier"] == "flex"
    assert "store" not in body
    assert lost(metadata={"n": 1}, service_tier="ultrafast", verbosity="low") == [
        "drop:metadata",
        "drop:service_tier",
        "drop:verbosity",
    ]
    assert lost(service_tier="auto") == []


def test_modalities():
    assert encode(modalities=("text", "image"))["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"]
    }
    assert "generationConfig" not in encode(modalities=("text",))
    assert refused(modalities=("text", "audio")).param == "modalities"
    assert refused(suffix="x").param == "suffix"


def test_models_without_tools_refuse_them():
    assert refused(tools=(WEATHER,), able=Abilities(tools=False)).param == "tools"


def test_cache_hints_go_silently():
    hinted = user(Text("hello", cache=CacheHint("1h")))
    assert contents(hinted) == [("user", [{"text": "hello"}])]
    assert lost(hinted) == []
