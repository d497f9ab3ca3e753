"""Gemini's generateContent as strictly as the developer API takes it, in its canonical spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Required, TypedDict

from google.genai import types as sdk
from pydantic import BaseModel

from tests.strict import rules, schemas, shapes

_PATH = re.compile(r"/v1(?:alpha|beta)?/models/([^/:?]+):(generateContent|streamGenerateContent)"
                   r"(?:\?.*)?")  # fmt: skip
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_MODIFIERS = {
    "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata",
    "mediaProcessing", "speechMetadata", "documentMetadata", "spreadsheetMetadata",
    "audioMetadata",
}  # fmt: skip
_VERTEX_ONLY = ("modelSelectionConfig", "routingConfig", "audioTimestamp", "responseFormat")
_RESULT_MEDIA = {"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"}
_MEDIA = re.compile(r"image/(png|jpeg|webp|heic|heif)|audio/.+|video/.+|application/pdf|text/.+")
_RANGES = {
    "temperature": (0, 2), "topP": (0, 1), "candidateCount": (1, 8), "logprobs": (0, 20),
    "seed": (-(2**31), 2**31 - 1), "maxOutputTokens": (1, 65_536),
    "presencePenalty": (-2, 1.999), "frequencyPenalty": (-2, 1.999),
}  # fmt: skip
_BUDGETS = {"gemini-2.5-pro": (128, 32_768), "gemini-2.5-flash-lite": (512, 24_576)}


_FREE = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "default"}
"""Fields whose keys are the client's own."""
_CAMEL = {
    name: field.alias
    for model in vars(sdk).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
    for name, field in model.model_fields.items()
    if field.alias and field.alias != name
}


class _Request(TypedDict, total=False):
    contents: Required[list[sdk.Content]]
    systemInstruction: sdk.Content
    tools: list[sdk.Tool]
    toolConfig: sdk.ToolConfig
    safetySettings: list[sdk.SafetySetting]
    generationConfig: sdk.GenerationConfig
    cachedContent: str
    labels: dict[str, str]
    serviceTier: sdk.ServiceTier
    store: bool
    continuationToken: bytes


def problems(path: str, body: Any) -> list[str]:
    """Everything the API would refuse `body` for."""
    called = _PATH.fullmatch(path)
    if called is None:
        return [f"no such path: {path}"]
    found = shapes.problems(body, _Request, "")
    if found:
        return found
    model = called[1]
    config = body.get("generationConfig") or {}
    found += list(_config(config, called[2] == "streamGenerateContent"))
    found += list(_thinking(config.get("thinkingConfig") or {}, model))
    found += _format(config, body, model) + _tools(body, model)
    found += list(_contents(body, model)) + list(_calls(body["contents"]))
    return found + (list(_signatures(body["contents"])) if is_signed(model) else [])


def canonical(value: Any) -> Any:
    """`value` with the names of fields in camel case; the API takes both spellings."""
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        _CAMEL.get(key, key): _below(_CAMEL.get(key, key), inner) for key, inner in value.items()
    }


def _below(key: str, value: Any) -> Any:
    if key in _FREE:
        return value
    if key == "properties" and isinstance(value, dict):
        return {name: canonical(inner) for name, inner in value.items()}
    return canonical(value)


def is_signed(model: str) -> bool:
    """Whether the model demands signatures, and takes levels of thinking and media in results."""
    return re.match(r"gemini-[3-9]", model) is not None


def _config(config: dict[str, Any], stream: bool) -> Iterator[str]:
    for name, (low, high) in _RANGES.items():
        yield from rules.within(config.get(name), low, high, f"generationConfig.{name}")
    for name in _VERTEX_ONLY:
        if name in config:
            yield f"generationConfig.{name}: not supported by the developer API"
    if len(config.get("stopSequences") or ()) > 5:
        yield "generationConfig.stopSequences: at most 5"
    if stream and config.get("candidateCount", 1) > 1:
        yield "generationConfig.candidateCount: not with streaming"
    if "logprobs" in config and not config.get("responseLogprobs"):
        yield "generationConfig.logprobs: requires responseLogprobs"


def _thinking(thinking: dict[str, Any], model: str) -> Iterator[str]:
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    level = None if level == "THINKING_LEVEL_UNSPECIFIED" else level
    if thinking and re.match(r"gemini-(1|2\.0)|gemini-.*-image|gemma", model):
        yield "thinkingConfig: thinking is not supported by this model"
    if budget is not None and level is not None:
        yield "thinkingConfig: thinking_budget and thinking_level may not both be set"
    if level is not None and not is_signed(model):
        yield "thinkingConfig.thinkingLevel: not supported by this model"
    refused = {"gemini-3-pro": ("MINIMAL", "MEDIUM", "XHIGH")}
    refused |= dict.fromkeys(("gemini-3.1-pro", "gemini-3.7", "gemini-3.8"), ("MINIMAL", "XHIGH"))
    refused["gemini-4"] = ("MINIMAL", "XHIGH")
    for name, levels in refused.items():
        if level in levels and model.startswith(name):
            yield f"thinkingConfig.thinkingLevel: {level} is not supported by this model"
    known = [span for name, span in _BUDGETS.items() if model.startswith(name)]
    low, high = known[0] if known else (0, 24_576)
    free = (-1,) if "pro" in model else (-1, 0)
    if budget is not None and not is_signed(model) and budget not in free:
        yield from rules.within(budget, low, high, "thinkingConfig.thinkingBudget")


def _format(config: dict[str, Any], body: dict[str, Any], model: str) -> list[str]:
    found: list[str] = []
    mime = config.get("responseMimeType", "text/plain")
    given = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    if len(given) > 1:
        found.append("responseSchema and responseJsonSchema: only one may be set")
    if given and mime == "text/plain":
        found.append(f"{given[0]}: requires responseMimeType application/json")
    if "responseSchema" in config:
        found += schemas.gemini_openapi(config["responseSchema"], "responseSchema")
    if "responseJsonSchema" in config:
        found += schemas.gemini(config["responseJsonSchema"], "responseJsonSchema")
    if mime != "text/plain" and _declared(body) and not is_signed(model):
        found.append(f"function calling with a response mime type: {mime!r} is unsupported")
    return found


def _declared(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        function
        for tool in body.get("tools") or ()
        for function in tool.get("functionDeclarations") or ()
    ]


def _tools(body: dict[str, Any], model: str) -> list[str]:
    functions = _declared(body)
    found = rules.names([function["name"] for function in functions], "tools", _NAME)
    for place, function in enumerate(functions):
        path = f"functionDeclarations[{place}]"
        if {"parameters", "parametersJsonSchema"} <= function.keys():
            found.append(f"{path}: parameters and parametersJsonSchema may not both be set")
        if "parameters" in function:
            found += schemas.gemini_openapi(function["parameters"], f"{path}.parameters")
        if "parametersJsonSchema" in function:
            schema = function["parametersJsonSchema"]
            found += schemas.gemini(schema, f"{path}.parametersJsonSchema")
    builtin = any(key != "functionDeclarations" for tool in body.get("tools") or () for key in tool)
    mixes = (body.get("toolConfig") or {}).get("includeServerSideToolInvocations")
    if mixes and not is_signed(model):
        found.append("includeServerSideToolInvocations: not supported by this model")
    if builtin and functions and not (mixes and is_signed(model)):
        found.append("tools: built-in tools with functionDeclarations are not supported here")
    return found + list(_mode(body, [function["name"] for function in functions]))


def _mode(body: dict[str, Any], names: list[str]) -> Iterator[str]:
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig")
    if calling is None:
        return
    if not names:
        yield "functionCallingConfig: should only be set when functionDeclarations are"
    allowed = calling.get("allowedFunctionNames")
    if allowed is not None and str(calling.get("mode")).upper() not in ("ANY", "VALIDATED"):
        yield "allowedFunctionNames: only with mode ANY or VALIDATED"
    for name in set(allowed or ()) - set(names):
        yield f"allowedFunctionNames: {name!r} is not declared"


def _contents(body: dict[str, Any], model: str) -> Iterator[str]:
    contents = body["contents"]
    for part in (body.get("systemInstruction") or {"parts": [{"text": "x"}]})["parts"]:
        if set(part) != {"text"} or not part["text"]:
            yield "systemInstruction: only text parts that are not empty"
    if not contents:
        yield "contents: must not be empty"
        return
    if contents[0].get("role", "user") != "user":
        yield "contents: the first must have role user"
    if contents[-1].get("role", "user") != "user":
        yield "contents: the last must have role user"
    for one, other in pairwise(contents):
        if one.get("role", "user") == other.get("role", "user") and not _only_responses(one):
            yield "contents: roles must alternate between user and model"
    for place, content in enumerate(contents):
        path = f"contents[{place}]"
        if content.get("role", "user") not in ("user", "model"):
            yield f"{path}.role: must be user or model"
        if not content.get("parts"):
            yield f"{path}.parts: must not be empty"
        for number, part in enumerate(content.get("parts") or ()):
            yield from _part(part, content.get("role", "user"), model, f"{path}.parts[{number}]")


def _only_responses(content: dict[str, Any]) -> bool:
    return all("functionResponse" in part for part in content.get("parts") or ())


def _part(part: dict[str, Any], role: str, model: str, path: str) -> Iterator[str]:
    data = [key for key in part if key not in _MODIFIERS]
    if len(data) != 1:
        yield f"{path}: exactly one data member, not {data}"
    if role == "user" and ("thoughtSignature" in part or part.get("thought")):
        yield f"{path}: thoughts belong to the model"
    if "functionCall" in part and role != "model":
        yield f"{path}.functionCall: belongs to the model"
    if "functionCall" in part and not _NAME.fullmatch(part["functionCall"].get("name") or ""):
        yield f"{path}.functionCall.name: {part['functionCall'].get('name')!r}"
    if "inlineData" in part:
        blob = part["inlineData"]
        if not _MEDIA.fullmatch(blob.get("mimeType") or ""):
            yield f"{path}.inlineData.mimeType: {blob.get('mimeType')!r} is not supported"
        yield from rules.media_type(blob["data"], blob.get("mimeType"), path)
    if "functionResponse" in part:
        yield from _response(part["functionResponse"], model, f"{path}.functionResponse")


def _response(response: dict[str, Any], model: str, path: str) -> Iterator[str]:
    if not isinstance(response.get("response"), dict):
        yield f"{path}.response: must be an object"
    elif "$ref" in _keys(response["response"]):
        yield f"{path}.response: $ref does not name a part"
    media = response.get("parts") or ()
    if media and not is_signed(model):
        yield f"{path}.parts: not supported by this model"
    for part in media:
        mime = (part.get("inlineData") or part.get("fileData") or {}).get("mimeType")
        if mime not in _RESULT_MEDIA:
            yield f"{path}.parts: {mime!r} is not supported"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _parts(content: dict[str, Any], member: str) -> list[dict[str, Any]]:
    return [part[member] for part in content.get("parts") or () if member in part]


def _calls(contents: list[dict[str, Any]]) -> Iterator[str]:
    nothing: dict[str, Any] = {"role": "user", "parts": []}
    for before, content in pairwise([nothing, *contents, nothing]):
        calls, responses = _parts(before, "functionCall"), _parts(content, "functionResponse")
        if len(calls) != len(responses):
            yield (
                "the number of function response parts must be equal to the number of function "
                f"call parts of the function call turn: {len(responses)} for {len(calls)}"
            )
        for call, response in zip(calls, responses, strict=False):
            if call["name"] != response.get("name"):
                yield f"{response.get('name')!r} answers the call of {call['name']!r}"
            if call.get("id") and response.get("id") != call["id"]:
                yield f"the response to {call['id']!r} has the id {response.get('id')!r}"
        if responses and not _only_responses(content):
            yield "function responses must stand in a content of their own"
        if _parts(content, "functionCall") and before.get("role", "user") != "user":
            yield "a function call turn must come immediately after a user turn"


def _signatures(contents: list[dict[str, Any]]) -> Iterator[str]:
    """Each step of the current turn begins its calls with a signed one."""
    start = max(
        (
            place
            for place, content in enumerate(contents)
            if content.get("role", "user") == "user" and not _only_responses(content)
        ),
        default=0,
    )
    for place, content in enumerate(contents[start:], start):
        calls = [part for part in content.get("parts") or () if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            name = calls[0]["functionCall"]["name"]
            yield (
                "Function call is missing a thought_signature in functionCall parts: "
                f"{name!r}, position {place + 1}"
            )
