"""When two values of this dialect mean the same: what the corpus comparisons forgive, and no more.

* null, and a member that says what its absence says (`DEFAULTS`);
* snake_case for camelCase, where the API's own schema names the member;
* the URL-safe base64 alphabet in bytes fields, missing padding;
* enumerations by number or in lower case;
* plain texts of the model that stand side by side;
* one object where a list of one may stand, and tools spread over the entries of their list.
"""

from __future__ import annotations

from typing import Any

from mux.codecs.gemini.enums import FINISH_REASONS, named, word
from mux.codecs.gemini.spelling import canonical

DEFAULTS: dict[str, Any] = {
    "args": {},
    "candidateCount": 1,
    "candidatesTokenCount": 0,
    "description": "",
    "generationConfig": {},
    "groundingMetadata": {},
    "index": 0,
    "response": {},
    "responseLogprobs": False,
    "stopSequences": [],
    "systemInstruction": {},
    "text": "",
    "thinkingConfig": {},
    "tools": [],
}
_FREE = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema"}
_FREE |= {"responseJsonSchema", "labels"}


def request(body: dict[str, Any]) -> dict[str, Any]:
    """A request in its one canonical form."""
    out = _plain(canonical(body))
    out.pop("model", None)  # it is in the path
    for content in out["contents"]:
        content.setdefault("role", "user")
        if content["role"] == "model":
            content["parts"] = _whole(content.get("parts", []))
    if "systemInstruction" in out:
        out["systemInstruction"].pop("role", None)  # the API ignores it
    tools = out.get("tools", [])
    entries = [tools] if isinstance(tools, dict) else tools
    if entries:
        out["tools"] = {
            "functions": [f for entry in entries for f in entry.get("functionDeclarations", [])],
            "others": [
                {key: value}
                for entry in entries
                for key, value in entry.items()
                if key != "functionDeclarations"
            ],
        }
    calling = out.get("toolConfig", {}).get("functionCallingConfig", {})
    if "mode" in calling:
        calling["mode"] = calling["mode"].upper()
    thinking = out.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    return out


def _whole(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A model's parts, neighbours of plain text joined: they are the pieces of a stream."""
    out: list[dict[str, Any]] = []
    for part in parts:
        if out and part.keys() == out[-1].keys() == {"text"}:
            out[-1] = {"text": out[-1]["text"] + part["text"]}
        else:
            out.append(part)
    return out


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """A whole answer in its one canonical form."""
    out = _plain(named(body))
    for candidate in out.get("candidates", []):
        if "finishReason" in candidate:
            candidate["finishReason"] = word(candidate["finishReason"], FINISH_REASONS)
        content = candidate.pop("content", {})
        parts = [part for part in content.get("parts", []) if part]
        candidate["parts"] = parts
    return out


def stream(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a stream amounts to, as an answer in its canonical form.

    Texts are joined where the service merely cut them; the last value of everything else counts,
    for the counts of tokens the last that is not zero.
    """
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in map(answer, chunks):
        whole.setdefault("usageMetadata", {}).update(
            {key: value for key, value in chunk.pop("usageMetadata", {}).items() if value}
        )
        for candidate in chunk.pop("candidates", []):
            kept = candidates.setdefault(candidate.get("index", 0), {"parts": []})
            for part in candidate.pop("parts"):
                _join(kept["parts"], part)
            kept.update(candidate)
        whole.update(chunk)
    return _plain({**whole, "candidates": [candidates[index] for index in sorted(candidates)]})


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer a stream stands for, in the shape of the wire."""
    whole = stream(chunks)
    for candidate in whole["candidates"]:
        candidate["content"] = {"role": "model", "parts": candidate.pop("parts")}
    return whole


def _join(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    plain = {"text", "thought", "thoughtSignature"}
    last = parts[-1] if parts else {"": None}
    joins = (
        part.keys() <= plain
        and last.keys() <= plain
        and "thoughtSignature" not in last
        and last.get("thought") == part.get("thought")
    )
    if joins:
        parts[-1] = {**part, "text": last.get("text", "") + part.get("text", "")}
    else:
        parts.append(part)


def _plain(value: Any, key: str = "") -> Any:
    if key in _FREE:
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        out = {name: _plain(item, name) for name, item in value.items() if item is not None}
        return {name: item for name, item in out.items() if DEFAULTS.get(name, ...) != item}
    if isinstance(value, str) and key in ("data", "thoughtSignature"):
        standard = value.replace("-", "+").replace("_", "/")
        return standard + "=" * (-len(standard) % 4)
    return value
