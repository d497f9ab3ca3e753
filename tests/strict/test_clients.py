"""Every captured request of every agent CLI is accepted by every kind of upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mux.codecs import CODECS, Encoded, ToolRestorer
from mux.ir import Answer, Finish, Request, Response, StopReason, ToolCall, ToolKind, fold, unfold
from tests.strict import anthropic
from tests.strict.captured import captured, every_client, every_upstream, needs_captures
from tests.strict.dialects import VALIDATORS

pytestmark = needs_captures


@every_client
@every_upstream
def test_the_upstream_accepts_what_the_client_sent(file, upstream):
    codec, found = CODECS[upstream.dialect].client, []
    for sent in captured(file):
        request = upstream.asked(sent.decoded())
        encoded = codec.encode_request(request, upstream.abilities)
        path, betas = codec.path(request), ""
        natural: list[str] = []
        if upstream.dialect == sent.dialect:
            # What the client says to its vendor in the vendor's own words is not ours to judge.
            betas = sent.headers.get("anthropic-beta", "")
            natural = _problems(
                upstream.dialect, path, {**sent.body, "model": upstream.model}, betas
            )
        problems = _problems(upstream.dialect, path, json.loads(encoded.body), betas)
        found += [f"{sent.name}: {problem}" for problem in problems if problem not in natural]
    assert found == []


def _problems(dialect: str, path: str, body: dict[str, Any], betas: str) -> list[str]:
    if dialect == "anthropic":
        return anthropic.problems(path, body, betas=betas)
    if dialect == "gemini":
        body.pop("model", None)
    return VALIDATORS[dialect](path, body)


@every_client
@every_upstream
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_every_tool_is_called_under_its_own_name(file, upstream, stream):
    for sent in captured(file):
        request = upstream.asked(sent.decoded())
        encoded = CODECS[upstream.dialect].client.encode_request(request, upstream.abilities)
        offered = list(_offered(upstream.dialect, json.loads(encoded.body)))
        answer = _calling(offered)
        arrived = _arrived(upstream.dialect, sent.dialect, request, encoded, answer, stream=stream)
        wanted = sorted(_declared(sent.dialect, sent.body))
        assert sorted(_called(sent.dialect, arrived)) == wanted


Tools = Iterator[tuple[str, str, str]]
"""Tools as (kind, namespace, name)."""


def _declared(dialect: str, body: dict[str, Any]) -> Tools:
    """The tools a client of `dialect` says it can run."""
    if dialect == "gemini":
        for tool in body.get("tools", ()):
            declared = tool.get("functionDeclarations", ())
            yield from (("function", "", each["name"]) for each in declared)
    elif dialect == "openai_responses":
        tools = list(body.get("tools", ()))
        for item in body["input"]:
            tools += item["tools"] if item.get("type") == "additional_tools" else ()
        yield from _flat(tools)
    elif dialect == "anthropic":
        tools = [tool for tool in body.get("tools", ()) if "input_schema" in tool]
        yield from (("function", "", tool["name"]) for tool in tools)
    else:
        yield from (("function", "", tool["function"]["name"]) for tool in body.get("tools", ()))


def _flat(tools: list[dict[str, Any]], space: str = "") -> Tools:
    for tool in tools:
        if tool["type"] == "namespace":
            yield from _flat(tool["tools"], tool["name"])
        elif tool["type"] in ("function", "custom"):
            yield tool["type"], space, tool["name"]
        elif tool.get("execution") == "client":
            yield tool["type"], "", tool["type"]


def _offered(dialect: str, body: dict[str, Any]) -> Tools:
    """The tools an upstream of `dialect` is told of."""
    if dialect == "openai_chat":
        for tool in body.get("tools", ()):
            yield tool["type"], "", tool[tool["type"]]["name"]
    else:
        yield from _declared(dialect, body)


def _calling(tools: list[tuple[str, str, str]]) -> Response:
    """An answer that calls each of `tools` once."""
    calls = tuple(
        ToolCall(
            f"call_{place}",
            name,
            "raw text" if kind == "custom" else '{"input":"raw text"}',
            kind=ToolKind.CUSTOM if kind == "custom" else ToolKind.FUNCTION,
            namespace=space,
        )
        for place, (kind, space, name) in enumerate(tools)
    )
    return Response("r_1", "m", 1, (Answer(calls, Finish(StopReason.TOOL_CALLS)),))


def _arrived(
    upstream: str,
    client: str,
    request: Request,
    encoded: Encoded,
    answer: Response,
    *,
    stream: bool,
) -> bytes:
    """What the client gets where the upstream answers with `answer`."""
    restorer = ToolRestorer(encoded.tools)
    theirs, ours = CODECS[upstream], CODECS[client]
    if not stream:
        body = theirs.server.encode_response(answer, request)
        response = restorer.response(theirs.client.decode_response(body))
        return ours.server.encode_response(response, request)
    encoder, decoder = theirs.server.stream_encoder(request), theirs.client.stream_decoder()
    sent = b"".join(map(encoder.encode, unfold(answer))) + encoder.eof()
    events = [*restorer.events(decoder.feed(sent)), *restorer.events(decoder.eof())]
    out = ours.server.stream_encoder(request)
    written = b"".join(map(out.encode, events)) + out.eof()
    reader = ours.client.stream_decoder()
    response = fold([*reader.feed(written), *reader.eof()])
    return ours.server.encode_response(response, request)


def _called(dialect: str, data: bytes) -> Tools:
    """The calls in an answer, as a client of `dialect` reads it."""
    body = json.loads(data)
    if dialect == "openai_chat":
        for call in body["choices"][0]["message"].get("tool_calls", ()):
            yield call["type"], "", call[call["type"]]["name"]
    elif dialect == "openai_responses":
        for item in body["output"]:
            kind = item["type"].removesuffix("_call").removesuffix("_tool")
            if kind == "custom":
                assert item["input"] == "raw text"
            yield kind, item.get("namespace") or "", item.get("name", kind)
    elif dialect == "anthropic":
        for block in body["content"]:
            yield "function", "", block["name"]
    else:
        for part in body["candidates"][0]["content"].get("parts", ()):
            if "functionCall" in part:
                yield "function", "", part["functionCall"]["name"]
