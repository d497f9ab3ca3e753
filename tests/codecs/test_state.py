"""Provider-held state meets another provider: translation spec section 22."""

from __future__ import annotations

import pytest

from mux.codecs._state import check_state
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Loss,
    LossKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Request,
    Role,
    SourceKind,
    ToolResult,
)

FILE = Media(MediaKind.IMAGE, SourceKind.FILE_ID, "file_1")


def _request(origin: str, **own: JSON) -> Request:
    return Request("m", origin=origin, ext={origin: own})


@pytest.mark.parametrize(
    ("origin", "field", "value"),
    [
        ("openai_responses", "conversation", {"id": "conv_1"}),
        ("openai_responses", "prompt", {"id": "pmpt_1"}),
        ("openai_responses", "background", True),
        ("anthropic", "container", "container_1"),
        ("anthropic", "thread", {"id": "thread_1"}),
        ("gemini", "cachedContent", "cachedContents/1"),
    ],
)
def test_state_kept_elsewhere_is_refused(origin: str, field: str, value: JSON) -> None:
    losses: list[Loss] = []
    request = _request(origin, **{field: value})
    with pytest.raises(Unsupported) as caught:
        check_state(request, "ollama", losses)
    assert caught.value.param == field
    check_state(request, origin, losses)
    assert losses == []


def test_F44_unknown_previous_response_is_said_so() -> None:
    request = Request("m", origin="openai_responses", previous_id="resp_1")
    with pytest.raises(Unsupported) as caught:
        check_state(request, "anthropic", [])
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"


def test_features_that_only_save_room_are_reported() -> None:
    losses: list[Loss] = []
    request = _request(
        "openai_responses", truncation="auto", context_management=[{"type": "compaction"}]
    )
    check_state(request, "gemini", losses)
    assert losses == [Loss(LossKind.DROP, "truncation"), Loss(LossKind.DROP, "context_management")]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}},
            "responseMimeType",
        ),
        ({"mediaResolution": "MEDIA_RESOLUTION_LOW"}, "mediaResolution"),
        ({"speechConfig": {"languageCode": "de"}}, "speechConfig"),
        ({"responseMimeType": "text/plain"}, ""),
        ({}, ""),
        ("odd", ""),
    ],
)
def test_what_geminis_generation_config_alone_can_say_is_reported(config: JSON, told: str) -> None:
    losses: list[Loss] = []
    check_state(_request("gemini", generationConfig=config), "anthropic", losses)
    assert [loss.code for loss in losses] == ([f"drop:{told}"] if told else [])


def test_a_feature_switched_off_is_no_feature() -> None:
    losses: list[Loss] = []
    check_state(
        _request("openai_responses", truncation="disabled", background=False, prompt=None),
        "gemini",
        losses,
    )
    assert losses == []


@pytest.mark.parametrize("nested", [False, True])
def test_file_ids_stay_with_their_provider(nested: bool) -> None:
    part = ToolResult("call_1", (FILE,)) if nested else FILE
    request = Request("m", (Message(Role.USER, (part,)),), origin="openai_chat")
    with pytest.raises(Unsupported, match="file id"):
        check_state(request, "anthropic", [])
    check_state(request, "openai_responses", [])


def test_item_references_are_refused() -> None:
    item = Opaque("openai_responses", {"type": "item_reference", "id": "msg_1"})
    request = Request("m", (Message(Role.USER, (item,)),), origin="openai_responses")
    with pytest.raises(Unsupported) as caught:
        check_state(request, "openai_chat", [])
    assert caught.value.param == "input"
