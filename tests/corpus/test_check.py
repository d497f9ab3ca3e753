"""The checkers held against what the vendors' own hosts send, and our encoders against them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from mux.codecs import CODECS, StreamCheck
from mux.errors import MuxError
from tests import recordings
from tests.corpus.test_across import DIALECTS, answered, asked, events_of, hold_against

pytestmark = recordings.needs_corpus

OWN_HOSTS = {
    "anthropic": {"anthropic"},
    "gemini": {"gemini", "vertex"},
    "ollama": {"ollama"},
    "openai_chat": {"openai"},
    "openai_completions": {"openai"},
    "openai_responses": {"openai"},
}
AS_SENT = {"wire", "rekeyed"}
"""Fidelities of recordings whose framing nobody made up."""

VARIANTS = {"gemini": ("", "array"), "ollama": ("chat", "generate")}


def problem(dialect: str, data: bytes) -> str:
    check = StreamCheck(CODECS[dialect].rules())
    return ", ".join(f"{found.rule}: {found.message}" for found in check.feed(data) + check.eof())


def hosted(exchange: dict[str, Any], dialect: str) -> bool:
    return (
        exchange["stream"]
        and exchange["vendor"] in OWN_HOSTS[dialect]
        and exchange["fidelity"] in AS_SENT
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_vendors_send_breaks_no_rule(dialect):
    problems: dict[str, str] = {}
    checked = 0
    for exchange in answered(dialect):
        if hosted(exchange, dialect):
            checked += 1
            if found := problem(dialect, recordings.answer(exchange)):
                problems[exchange["id"]] = found
    assert checked >= 3
    hold_against(f"rules of {dialect}", problems)


@pytest.mark.parametrize(("source", "target"), [*itertools.product(DIALECTS, DIALECTS)])
def test_what_we_write_breaks_no_rule(source, target):
    problems: dict[str, str] = {}
    for exchange, variant in itertools.product(answered(source), VARIANTS.get(target, ("",))):
        try:
            events = events_of(exchange)
        except MuxError:
            continue  # held by test_every_answer_decodes_to_a_legal_stream
        request = replace(asked(target, stream=True), variant=variant)
        encoder = CODECS[target].server.stream_encoder(request)
        data = b"".join(map(encoder.encode, events)) + encoder.eof()
        if found := problem(target, data):
            problems[exchange["id"]] = found
    hold_against(f"rules of {target} for {source}", problems)
