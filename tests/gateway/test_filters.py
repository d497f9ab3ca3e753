"""What the filters of an answer would leave alone is not taken apart for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from mux.codecs import Encoded
from mux.gateway.call import Outcome
from mux.gateway.filters import Chain
from mux.ir import (
    Answer,
    Finish,
    Response,
    Signature,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
    fold,
    unfold,
)
from tests.laws import strategies as make
from tests.scenes.fake import ScriptedTransport, call, epoch, gateway

ASK = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'
ASK_RESPONSES = b'{"model":"m","input":"Hi"}'
USAGE = Usage(10, 20)
SIGNATURE = Signature("gemini", "c2lnbmVk")


def begun(
    client: str = "anthropic",
    upstream: str = "openai_chat",
    encoded: Encoded | None = None,
    **abilities: Any,
) -> Chain:
    gate = gateway(ScriptedTransport(), upstream, abilities=abilities)
    asking = call(client, ASK_RESPONSES if client == "openai_responses" else ASK)
    chain = Chain(
        call=asking,
        candidate=gate.router.candidates("m")[0],
        request=asking.request,
        dialect=upstream,
        native=False,
        outcome=Outcome(),
        memory=gate.memory,
        clock=epoch,
    )
    chain.begin(encoded or Encoded(b"{}"))
    return chain


def response(*parts: Any, reason: StopReason = StopReason.STOP, **fields: Any) -> Response:
    answers = (Answer(parts or (Text("hi"),), Finish(reason)),)
    return Response("r1", "m", **{"created": 5, "usage": USAGE, "answers": answers, **fields})


@given(make.responses)
def test_what_is_left_alone_comes_through_the_filters_as_it_is(found: Response) -> None:
    chain = begun()
    if (left := chain.dated(found)) is not None:
        assert fold(chain.apply(unfold(found))) == left
        told = Outcome()
        told.told(found)
        noted = chain.outcome
        assert (noted.usage, noted.reasons) == (told.usage, told.reasons)
        assert (noted.answer_id, noted.answer_model) == (told.answer_id, told.answer_model)


@pytest.mark.parametrize(
    "found",
    [
        response(),
        response(Thinking(("hm",)), Text("hi"), ToolCall("c1", "look", "{}")),
        response(reason=StopReason.LENGTH),
    ],
    ids=["text", "a turn of an agent", "cut"],
)
@pytest.mark.parametrize("upstream", ["openai_chat", "gemini", "ollama"])
def test_most_answers_are_left_alone(found: Response, upstream: str) -> None:
    assert begun(upstream=upstream).dated(found) is found


@pytest.mark.parametrize("missing", [{"id": ""}, {"created": 0}, {"id": "", "created": 0}])
def test_what_was_not_dated_is_dated_as_the_filters_would(missing: dict[str, Any]) -> None:
    found = replace(response(), **missing)
    dated = begun().dated(found)
    assert dated is not None
    assert dated.id
    assert dated.created == (int(epoch()) if "created" in missing else 5)
    assert fold(begun().apply(unfold(found))) == dated


@pytest.mark.parametrize(
    "found",
    [
        replace(response(), usage=None),
        replace(response(), usage=Usage(10)),
        response(Thinking(("hm",), signature=SIGNATURE)),
        response(ToolCall("c1", "look", "{}", signature=SIGNATURE)),
        response(reason=StopReason.MALFORMED_TOOL),
        response(reason=StopReason.PAUSE),
        response(reason=StopReason.CONTINUATION),
    ],
    ids=["no usage", "half of it", "signed", "a signed call", "malformed", "paused", "cut"],
)
def test_these_are_not(found: Response) -> None:
    assert begun().dated(found) is None


@pytest.mark.parametrize(
    "chain",
    [
        begun(client="openai_responses"),
        begun(think_tags=True),
        begun(encoded=Encoded(b"{}", stops=("END",))),
    ],
    ids=["kept", "think tags", "stops"],
)
def test_nor_is_anything_where_more_may_have_to_be_done(chain: Chain) -> None:
    assert chain.dated(response()) is None
