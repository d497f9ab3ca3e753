"""Each rule of the validators fires: a good request, one thing wrong, and it is named."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from tests.strict.dialects import VALIDATORS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**OBJECT, "required": ["a"], "additionalProperties": False}

CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": OBJECT}}],
}  # fmt: skip
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.4",
    "store": False,
    "input": [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [], "encrypted_content": "g"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": OBJECT}],
}
MESSAGES: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 4096,
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": "1"},
            {"type": "text", "text": "go on"}]},
    ],
    "tools": [{"name": "f", "input_schema": OBJECT}],
}  # fmt: skip
GENERATE: dict[str, Any] = {
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [
            {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "c2", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "1"}}},
            {"functionResponse": {"id": "c2", "name": "f", "response": {"output": "2"}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": OBJECT}]}],
}  # fmt: skip
OLLAMA: dict[str, Any] = {
    "model": "qwen3",
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c1"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": OBJECT}}],
}  # fmt: skip
BASES = {
    "openai_chat": ("/v1/chat/completions", CHAT),
    "openai_responses": ("/v1/responses", RESPONSES),
    "anthropic": ("/v1/messages", MESSAGES),
    "gemini": ("/v1beta/models/gemini-3-pro:generateContent", GENERATE),
    "ollama": ("/api/chat", OLLAMA),
}

_GONE = object()


def changed(body: Any, changes: dict[str, Any]) -> Any:
    """`body` with values put at dotted paths; ``x.+`` appends to the list at ``x``."""
    body = copy.deepcopy(body)
    for path, value in changes.items():
        *above, last = path.split(".")
        node = body
        for step in above:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        if last == "+":
            node.append(value)
        elif value is _GONE:
            node.pop(int(last) if isinstance(node, list) else last)
        else:
            node[int(last) if isinstance(node, list) else last] = value
    return body


def schema(dialect: str, value: Any) -> dict[str, Any]:
    """The change that gives the tool of `dialect`'s request the schema `value`."""
    places = {
        "openai_chat": "tools.0.function.parameters",
        "openai_responses": "tools.0.parameters",
        "anthropic": "tools.0.input_schema",
        "gemini": "tools.0.functionDeclarations.0.parametersJsonSchema",
        "ollama": "tools.0.function.parameters",
    }
    return {places[dialect]: value}


USER = {"role": "user", "content": "x"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}

BAD: dict[str, list[tuple[dict[str, Any], str]]] = {
    "openai_chat": [
        ({"top_k": 5}, "top_k: unknown field"),
        ({"messages.1.reasoning_content": "t"}, "reasoning_content: unknown field"),
        ({"messages.2.is_error": True}, "is_error: unknown field"),
        ({"model": "deepseek-chat"}, "missing reasoning_content field"),
        ({"messages.0.content": 7}, "messages[0].content"),
        ({"messages": []}, "must not be empty"),
        ({"messages.0.content": []}, "empty array"),
        ({"messages.1.tool_calls": []}, "tool_calls: empty array"),
        ({"messages.+": {"role": "assistant", "content": None}}, "must not be null"),
        ({"messages.3": _GONE}, "did not have response messages: 'c2'"),
        ({"messages.3": USER}, "did not have response messages: 'c2'"),
        ({"messages.3.tool_call_id": "c1"}, "answered 2 times"),
        ({"messages.+": {"role": "tool", "tool_call_id": "c9", "content": ""}}, "not called"),
        ({"messages.1": USER}, "must be a response to a preceding"),
        ({"messages.1.tool_calls.1.id": "c1"}, "ids must be unique"),
        ({"messages.1.tool_calls.0.id": "c" * 41}, "string too long"),
        ({"messages.1.tool_calls.0.function.arguments": "{"}, "JSON object"),
        ({"messages.1.tool_calls.0.function.name": "a b"}, "'a b'"),
        ({"messages.0.name": "a b"}, "name"),
        ({"messages.0.content": [{"type": "image_url", "image_url": {
            "url": f"data:image/jpeg;base64,{PNG}"}}]}, "but it is image/png"),
        ({"messages.2.content": [{"type": "image_url", "image_url": {"url": "https://x"}}]},
         "none of"),
        ({"tools.0.function.name": "a.b"}, "does not match"),
        ({"tools.0.function.name": "a" * 65}, "does not match"),
        ({"tools.+": CHAT["tools"][0]}, "unique"),
        ({"tools": []}, "must not be empty"),
        ({"tools": [changed(CHAT["tools"][0], {"function.name": f"f{n}"}) for n in range(129)]},
         "at most 128"),
        (schema("openai_chat", {"type": "string"}), "must be 'object'"),
        (schema("openai_chat", {**OBJECT, "anyOf": []}), "anyOf: not permitted at the root"),
        (schema("openai_chat", {**OBJECT, "required": 3}), "no JSON Schema"),
        (schema("openai_chat", {"type": "object", "properties": {"a": {"type": "array"}}}),
         "items: missing"),
        (schema("openai_chat", {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}),
         "cannot be resolved"),
        ({"tools.0.function.strict": True}, "must name every property"),
        ({"tools.0.function.strict": True}, "additionalProperties: must be false"),
        ({"tools": _GONE, "tool_choice": "auto"}, "only allowed when tools"),
        ({"tool_choice": {"type": "function", "function": {"name": "g"}}}, "not among"),
        ({"tools": _GONE, "parallel_tool_calls": True}, "requires tools"),
        ({"temperature": 3}, "temperature"),
        ({"stream_options": {"include_usage": True}}, "when stream"),
        ({"stop": ["a"] * 5}, "at most 4"),
        ({"top_logprobs": 3}, "requires logprobs"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "only one"),
        ({"metadata": {"k" * 65: ""}}, "too long"),
        ({"response_format": {"type": "json_object"}}, "word 'json'"),
        ({"response_format": {"type": "json_schema", "json_schema": {
            "name": "r", "strict": True, "schema": OBJECT}}}, "must name every"),
        ({"reasoning_effort": "low"}, "unsupported parameter"),
        ({"model": "gpt-5", "max_tokens": 9}, "use max_completion_tokens"),
        ({"model": "gpt-5", "temperature": 0}, "only the default"),
        ({"model": "o4-mini", "stop": "x"}, "stop: unsupported"),
        ({"model": "gpt-5", "logprobs": True}, "logprobs: unsupported"),
        ({"model": "gpt-5", "reasoning_effort": "none"}, "'none' is not supported"),
        ({"model": "gpt-5.5"}, "please use /v1/responses"),
        ({"max_completion_tokens": 99_999}, "too large"),
    ],
    "openai_responses": [
        ({"messages": []}, "messages: unknown field"),
        ({"stop": "x"}, "stop: unknown field"),
        ({"input.2.thought": 1}, "thought: unknown field"),
        ({"input": []}, "must not be empty"),
        ({"input.0.content": []}, "must not be empty"),
        ({"input.0.content": [{"type": "output_text", "text": "x"}]}, "none of the forms"),
        ({"input.+": {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}},
         "for role assistant"),
        ({"input.0.role": "tool"}, "none of the forms"),
        ({"input.0.content": [{"type": "input_image",
                               "image_url": f"data:image/gif;base64,{PNG}"}]},
         "but it is image/png"),
        ({"input.3": _GONE}, "No tool output found"),
        ({"input.2": _GONE}, "No tool call found"),
        ({"input.2": _GONE}, "without its required following item"),
        ({"input.+": RESPONSES["input"][3]}, "answered twice"),
        ({"input.+": RESPONSES["input"][2]}, "duplicate call_id"),
        ({"input.3.type": "custom_tool_call_output"}, "No tool call found"),
        ({"input.1.encrypted_content": None}, "not persisted"),
        ({"input.1.id": "x_1"}, "no id of a reasoning"),
        ({"input.2.call_id": "a b"}, "call_id"),
        ({"input.2.name": "a.b"}, "'a.b'"),
        ({"tools.0.name": "a.b"}, "does not match"),
        ({"tools.+": RESPONSES["tools"][0]}, "unique"),
        ({"tools.0.strict": True}, "must name every"),
        ({"tools": [{**RESPONSES["tools"][0], "name": f"f{n}"} for n in range(129)]}, "at most"),
        (schema("openai_responses", {"type": "object", "oneOf": []}), "oneOf: not permitted"),
        ({"tools": [], "tool_choice": "required"}, "with tools"),
        ({"tool_choice": {"type": "function", "name": "g"}}, "not found"),
        ({"text": {"format": {"type": "json_object"}}}, "word 'json'"),
        ({"text": {"format": {"type": "json_schema", "name": "a b", "schema": OBJECT}}}, "match"),
        ({"max_output_tokens": 15}, "max_output_tokens"),
        ({"max_output_tokens": 200_000}, "too large"),
        ({"stream_options": {"include_obfuscation": True}}, "when stream"),
        ({"top_logprobs": 2}, "requires include"),
        ({"background": True}, "requires store"),
        ({"previous_response_id": "r", "conversation": "c"}, "not together"),
        ({"model": "gpt-6-astra", "reasoning": {"effort": "none"}}, "'none' is not supported"),
        ({"model": "gpt-6-sol", "temperature": 1}, "only the default"),
        ({"model": "gpt-5.5", "temperature": 0.5}, "only the default"),
        ({"model": "gpt-4o", "reasoning": {"effort": "low"}}, "unsupported"),
    ],
    "anthropic": [
        ({"stop": "x"}, "stop: unknown field"),
        ({"messages.1.content.1.name_": "x"}, "name_: unknown field"),
        ({"tools.0.parameters": {}}, "parameters: unknown field"),
        ({"max_tokens": _GONE}, "max_tokens: missing"),
        ({"max_tokens": 64_001}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages.0.content": ""}, "non-empty content"),
        ({"messages.0.content": [{"type": "text", "text": " "}]}, "non-whitespace"),
        ({"system": [{"type": "text", "text": ""}]}, "non-whitespace"),
        ({"messages.0": _GONE}, "first message must use the user role"),
        ({"messages.2": _GONE}, "without a tool_result"),
        ({"messages.2.content.0": _GONE}, "without a tool_result"),
        ({"messages.2.content.0.tool_use_id": "c9"}, "not called in the turn before"),
        ({"messages.2.content.+": {"type": "tool_result", "tool_use_id": "c1"}}, "2 times"),
        ({"messages.2.content.+": {"type": "tool_result", "tool_use_id": "c1"}}, "before other"),
        ({"messages.0.content": [{"type": "tool_result", "tool_use_id": "c"}]}, "not called"),
        ({"messages.1.content.+": MESSAGES["messages"][1]["content"][1]}, "must be unique"),
        ({"messages.1.content.1.id": "a:b"}, "should match"),
        ({"messages.1.content.1.name": "a.b"}, "'a.b'"),
        ({"messages.1.content.0.signature": ""}, "must not be empty"),
        ({"messages.1.content.1.input": "{}"}, "input"),
        ({"messages.0.content": [IMAGE]}, "but it is image/png"),
        ({"messages.2.content.0.content": [IMAGE]}, "but it is image/png"),
        ({"messages.+": {"role": "assistant", "content": "x "}}, "trailing whitespace"),
        ({"messages.+": {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "s"}]}}, "cannot be thinking"),
        ({"model": "claude-opus-4-8", "messages.+": {"role": "assistant", "content": "x"}},
         "prefill"),
        ({"messages.+": {"role": "system", "content": "x"}}, "not supported on this model"),
        ({"model": "claude-opus-4-8", "messages.1": {"role": "assistant", "content": "a"},
          "messages.2": {"role": "system", "content": "x"}}, "must follow a user"),
        ({"tools": []}, "must be given where"),
        ({"tools.0.name": "a" * 65}, "does not match"),
        ({"tools.+": MESSAGES["tools"][0]}, "unique"),
        (schema("anthropic", {"type": "object", "anyOf": []}), "anyOf: not permitted"),
        (schema("anthropic", {"type": "object", "properties": {"a b": {}}}), "property keys"),
        ({"tools.0.strict": True}, "additionalProperties: must be false"),
        ({"tools": _GONE, "tool_choice": {"type": "auto"}}, "while providing tools"),
        ({"tool_choice": {"type": "tool", "name": "g"}}, "not found in provided"),
        ({"tool_choice": {"type": "any"},
          "thinking": {"type": "enabled", "budget_tokens": 2000}}, "forces tool use"),
        ({"model": "claude-opus-5-5", "tool_choice": {"type": "any"}}, "forced tool use"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "greater than"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000},
          "messages.1.content.0": _GONE}, "expected `thinking`"),
        ({"thinking": {"type": "adaptive"}}, "'adaptive' is not supported"),
        ({"model": "claude-opus-4-8", "thinking": {"type": "enabled", "budget_tokens": 2000}},
         "'enabled' is not supported"),
        ({"model": "claude-fable-5", "thinking": {"type": "disabled"}}, "'disabled' is not"),
        ({"model": "claude-3-5-haiku-latest", "thinking": {"type": "disabled"}}, "not supported"),
        ({"output_config": {"effort": "low"}}, "effort: not supported"),
        ({"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}}, "'xhigh'"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both"),
        ({"model": "claude-opus-4-8", "temperature": 1}, "not supported on this model"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}, "temperature": 0}, "only be set"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 3}, "not with thinking"),
        ({"stop_sequences": ["\n"]}, "non-whitespace"),
        ({"cache_control": {"type": "ephemeral"}, "system": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 4}, "found 5"),
        ({"tools.0.cache_control": {"type": "ephemeral"}, "system": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
         "must not come after"),
        ({"output_config": {"format": {"type": "json_schema", "schema": OBJECT}}}, "must be false"),
        ({"output_config": {"format": {"type": "json_schema", "schema": changed(
            STRICT, {"properties.a.minLength": 2})}}}, "minLength"),
        ({"context_management": {"edits": []}}, "context_management: unknown"),
    ],
    "gemini": [
        ({"tool_config": {}}, "tool_config: unknown field"),
        ({"contents.0.parts.0.type": "text"}, "type: unknown field"),
        ({"contents": []}, "must not be empty"),
        ({"contents.0.parts": []}, "must not be empty"),
        ({"contents.0": _GONE}, "first must have role user"),
        ({"contents.2": _GONE}, "last must have role user"),
        ({"contents.+": {"role": "model", "parts": [{"text": "x"}]},
          "contents.0.role": "function"}, "must be user or model"),
        ({"contents.0.parts.0.inlineData": {"mimeType": "image/png", "data": PNG}}, "exactly one"),
        ({"contents.0.parts.0": {"inlineData": {"mimeType": "image/gif", "data": PNG}}}, "gif"),
        ({"contents.0.parts.0": {"inlineData": {"mimeType": "image/jpeg", "data": PNG}}},
         "but it is image/png"),
        ({"contents.0.parts.0.thoughtSignature": "c2ln"}, "belong to the model"),
        ({"contents.2.parts.1": _GONE}, "must be equal"),
        ({"contents.2.parts.+": {"text": "x"}}, "content of their own"),
        ({"contents.2.parts.1.functionResponse.id": "c9"}, "has the id 'c9'"),
        ({"contents.2.parts.1.functionResponse.name": "g"}, "answers the call"),
        ({"contents.2.parts.1.functionResponse.response": {"$ref": "x"}}, "$ref"),
        ({"contents.2.parts.1.functionResponse.response": "x"}, "must be an object"),
        ({"contents.2.parts.1.functionResponse.parts": [
            {"inlineData": {"mimeType": "audio/wav", "data": ""}}]}, "'audio/wav'"),
        ({"contents.1.parts.0.functionCall.name": "1a"}, "functionCall.name"),
        ({"contents.1.parts.0.thoughtSignature": _GONE}, "missing a thought_signature"),
        ({"contents.+": {"role": "user", "parts": [{"text": "x"}]},
          "contents.2.parts.0": {"text": "x"}}, "must alternate"),
        ({"systemInstruction": {"parts": [{"text": ""}]}}, "not empty"),
        ({"tools.0.functionDeclarations.0.name": "1a"}, "does not match"),
        ({"tools.0.functionDeclarations.+": {"name": "f"}}, "unique"),
        ({"tools.0.functionDeclarations.0.parameters": {"type": "OBJECT"}}, "may not both"),
        (schema("gemini", {"allOf": []}), "allOf: keyword"),
        (schema("gemini", {"properties": {"a": {"const": 1}}}), "const: keyword"),
        (schema("gemini", {"$defs": {"b": {}}, "properties": {
            "a": {"$ref": "#/$defs/b", "description": "x"}}}), "no keywords beside"),
        ({"tools.0.functionDeclarations.0": {"name": "f", "parameters": {"type": "ARRAY"}}},
         "items: missing"),
        ({"tools.0.functionDeclarations.0": {"name": "f", "parameters": {
            "type": "INTEGER", "enum": ["1"]}}}, "only allowed for STRING"),
        ({"tools.0.functionDeclarations.0": {"name": "f", "parameters": {
            "type": "OBJECT", "required": ["z"]}}}, "not defined: z"),
        ({"tools.0.functionDeclarations.0": {"name": "f", "parameters": {
            "type": "OBJECT", "oneOf": []}}}, "oneOf: unknown"),
        ({"tools.+": {"googleSearch": {}}}, "built-in tools"),
        ({"tools": _GONE, "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}},
         "should only be set"),
        ({"toolConfig": {"functionCallingConfig": {
            "mode": "AUTO", "allowedFunctionNames": ["f"]}}}, "only with mode"),
        ({"toolConfig": {"functionCallingConfig": {
            "mode": "ANY", "allowedFunctionNames": ["g"]}}}, "'g' is not declared"),
        ({"generationConfig": {"stop": []}}, "stop: unknown"),
        ({"generationConfig": {"temperature": 3}}, "temperature"),
        ({"generationConfig": {"stopSequences": ["x"] * 6}}, "at most 5"),
        ({"generationConfig": {"logprobs": 3}}, "requires responseLogprobs"),
        ({"generationConfig": {"responseFormat": []}}, "developer API"),
        ({"generationConfig": {"responseJsonSchema": OBJECT}}, "requires responseMimeType"),
        ({"generationConfig": {"thinkingConfig": {
            "thinkingBudget": 1, "thinkingLevel": "LOW"}}}, "may not both"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}}, "MINIMAL"),
        ({"continuationToken": "é"}, "base64"),
    ],
    "ollama": [
        ({"tool_choice": "auto"}, "tool_choice: unknown field"),
        ({"options.max_tokens": 5}, "max_tokens: unknown field"),
        ({"messages.0.content": [{"type": "text", "text": "x"}]}, "content: must be str"),
        ({"messages.0.name": "x"}, "name: unknown field"),
        ({"messages.0.role": "developer"}, "none of"),
        ({"messages": []}, "load the model"),
        ({"messages.0.content": ""}, "says nothing"),
        ({"messages.0.images": ["data:image/png;base64,x"]}, "base64"),
        ({"model": "llama3", "messages.0.images": [PNG]}, "no vision"),
        ({"messages.1.tool_calls.0.function.arguments": "{}"}, "arguments"),
        ({"messages.2": _GONE}, "was not answered"),
        ({"messages.2": USER}, "was not answered"),
        ({"messages.1": _GONE}, "a result without a call"),
        ({"messages.2.tool_name": "g"}, "tool_name"),
        ({"messages.2.tool_call_id": "c2"}, "does not answer"),
        ({"tools.0.function.name": "a b"}, "does not match"),
        ({"tools.+": OLLAMA["tools"][0]}, "unique"),
        (schema("ollama", {"type": "object", "properties": {"a": {"$ref": "#"}}}), "$ref"),
        (schema("ollama", {"type": "string"}), "must be 'object'"),
        ({"format": {"type": 7}}, "no JSON Schema"),
        ({"model": "llama3", "think": True}, "does not support thinking"),
        ({"think": "xhigh"}, "think: must be"),
        ({"options.stop": "x"}, "options.stop: must be"),
        ({"top_logprobs": 21}, "at most 20"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dialect", BASES)
def test_a_good_request_is_accepted(dialect):
    path, body = BASES[dialect]
    assert VALIDATORS[dialect](path, body) == []


@pytest.mark.parametrize("dialect", BASES)
def test_a_wrong_path_is_refused(dialect):
    assert VALIDATORS[dialect]("/v2/generate", BASES[dialect][1])


@pytest.mark.parametrize(
    ("dialect", "changes", "said"),
    [(dialect, changes, said) for dialect, rows in BAD.items() for changes, said in rows],
)
def test_a_bad_request_is_refused_for_the_right_reason(dialect, changes, said):
    path, body = BASES[dialect]
    found = VALIDATORS[dialect](path, changed(body, changes))
    assert any(said in problem for problem in found), found


OLD_GEMINI = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, "thinkingBudget"),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, "thinkingLevel"),
        ({"generationConfig": {"responseMimeType": "application/json"}}, "is unsupported"),
        ({"generationConfig": {"candidateCount": 2}}, "not with streaming"),
        ({"contents.2.parts.1.functionResponse.parts": [
            {"inlineData": {"mimeType": "image/png", "data": PNG}}]}, "not supported by this"),
        ({"tools.+": {"googleSearch": {}}, "toolConfig": {
            "includeServerSideToolInvocations": True}}, "not supported by this model"),
    ],
)  # fmt: skip
def test_an_older_gemini_refuses_what_newer_ones_take(changes, said):
    found = VALIDATORS["gemini"](OLD_GEMINI, changed(GENERATE, changes))
    assert any(said in problem for problem in found), found
    unsigned = changed(GENERATE, {"contents.1.parts.0.thoughtSignature": _GONE})
    assert VALIDATORS["gemini"](OLD_GEMINI, unsigned) == []
