"""Every recorded answer, told to a client of every other dialect, through that vendor's own SDK.

`exceptions.json` holds the exchanges that do not pass, each with its reason. It may only shrink: an
entry that passes fails the test until it is taken out.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mux.codecs import CODECS, _arguments, _finish
from mux.errors import MuxError
from mux.ir import (
    Checker,
    Event,
    Failure,
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
    Response,
    Text,
    ToolCall,
    ToolKind,
    Visibility,
    fold,
    unfold,
)
from tests import recordings, sdk

pytestmark = recordings.needs_corpus

DIALECTS = sorted(CODECS)
EXCEPTIONS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "exceptions.json").read_text(encoding="utf-8")
)


def asked(dialect: str, *, stream: bool) -> Request:
    return Request(
        "m-1",
        origin=dialect,
        variant="chat" if dialect == "ollama" else "",
        stream=stream,
        include_usage=True,
        reasoning=Reasoning(ReasoningState.ON, visible=Visibility.FULL),
    )


def events_of(exchange: dict[str, Any]) -> list[Event]:
    codec = CODECS[recordings.DIALECTS[exchange["dialect"]]].client
    body = recordings.answer(exchange)
    if not exchange["stream"]:
        return unfold(codec.decode_response(body))
    decoder = codec.stream_decoder()
    return [*decoder.feed(body), *decoder.eof()]


def told(events: list[Event], dialect: str, *, stream: bool) -> sdk.Seen:
    request = asked(dialect, stream=stream)
    server = CODECS[dialect].server
    if stream:
        encoder = server.stream_encoder(request)
        body = b"".join(encoder.encode(event) for event in events) + encoder.eof()
        return sdk.stream(dialect, body, variant="chat")
    return sdk.whole(dialect, server.encode_response(fold(events), request), variant="chat")


def texts_of(response: Response) -> tuple[str, str]:
    """What was said, without and with the words for why the rest was withheld (F35)."""
    shown = [part.text for part in response.parts if isinstance(part, Text | Refusal)]
    said = "".join("".join(shown).split())
    return said, said + "".join(_finish.words_of(response.finish).split())


def calls_of(response: Response, *, objects: bool = False) -> list[tuple[str, Any]]:
    """The calls, as (name, arguments). `objects`: a client of whole calls gets no half of one."""
    parts = _finish.whole_parts(response.answers[0]) if objects else response.parts
    return [
        (part.name, part.arguments)
        if part.kind is ToolKind.CUSTOM
        else (part.name, _arguments.to_object(part.arguments))
        for part in parts
        if isinstance(part, ToolCall)
    ]


def answered(dialect: str) -> Iterator[dict[str, Any]]:
    for exchange in recordings.exchanges(dialect):
        if exchange["status"] < 400:
            yield exchange


def hold_against(table: str, problems: dict[str, str]) -> None:
    known = EXCEPTIONS.get(table, {})
    new = {name: problem for name, problem in problems.items() if name not in known}
    gone = sorted(set(known) - set(problems))
    assert not new, f"{len(new)} exchanges fail: {json.dumps(new)}"
    assert not gone, f"these pass now, take them out of the table: {gone}"


@pytest.mark.parametrize("source", DIALECTS)
def test_every_request_decodes(source):
    problems: dict[str, str] = {}
    for exchange in recordings.exchanges(source):
        if exchange["request"] is None or exchange["status"] >= 400:
            continue
        body = json.dumps(exchange["request"]).encode()
        try:
            request = CODECS[source].server.decode_request(
                body,
                model=recordings.model(exchange),
                stream=exchange["stream"] if source == "gemini" else None,
                variant=recordings.variant(exchange),
            )
        except MuxError as error:
            problems[exchange["id"]] = repr(error)
        else:
            assert request.origin == source
    hold_against(f"requests of {source}", problems)


@pytest.mark.parametrize("source", DIALECTS)
def test_every_answer_decodes_to_a_legal_stream(source):
    problems: dict[str, str] = {}
    for exchange in answered(source):
        check = Checker()
        try:
            for event in events_of(exchange):
                check(event)
                if isinstance(event, Failure):
                    raise event.error()
            assert check.done
        except (MuxError, AssertionError) as error:
            problems[exchange["id"]] = repr(error)
    hold_against(f"answers of {source}", problems)


@pytest.mark.parametrize("source", DIALECTS)
def test_every_error_answer_is_understood(source):
    for exchange in recordings.exchanges(source):
        if exchange["status"] >= 400 and exchange["response"] is not None:
            body = json.dumps(exchange["response"]).encode()
            error = CODECS[source].client.decode_error(exchange["status"], body, {})
            assert error.status in (400, 404, 429, 503), exchange["id"]
            assert error.message, exchange["id"]
            for codec in CODECS.values():
                assert json.loads(codec.server.encode_error(error))


@pytest.mark.parametrize(
    ("source", "target"),
    [pair for pair in itertools.product(DIALECTS, DIALECTS) if len({*pair}) > 1],
)
def test_P250_every_answer_reaches_the_clients_of_every_dialect(source, target):
    problems: dict[str, str] = {}
    for exchange in answered(source):
        try:
            events = events_of(exchange)
            response = fold(events)
        except MuxError:
            continue  # held by test_every_answer_decodes_to_a_legal_stream
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, about unions inside the SDKs
            try:
                seen = told(events, target, stream=exchange["stream"])
                assert "".join(seen.text.split()) in texts_of(response), "text"
                if target != "openai_completions":
                    whole = not exchange["stream"] and target == "anthropic"
                    objects = whole or target in ("gemini", "ollama")
                    assert seen.calls == calls_of(response, objects=objects), "calls"
            except Exception as error:  # whatever an SDK raises is the finding
                problems[exchange["id"]] = repr(error)[:200]
    hold_against(f"{source} to {target}", problems)
