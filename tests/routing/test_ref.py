"""Model names as clients write them."""

from __future__ import annotations

import pytest

from mux.errors import InvalidRequest
from mux.routing import ModelRef


@pytest.mark.parametrize(
    ("name", "scheme", "model"),
    [
        ("gemini-2.5-pro", "", "gemini-2.5-pro"),
        ("gemini://gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
        ("Claude://claude-x", "claude", "claude-x"),
        ("gemini:/gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
        ("gemini:///gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "", "gemini-2.5-pro"),
        ("gemini://models/gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
        ("my-box_2.lan://m", "my-box_2.lan", "m"),
        ("openrouter/auto:free", "", "openrouter/auto:free"),
        ("local://anthropic/claude:beta", "local", "anthropic/claude:beta"),
        ("qwen3:4b", "", "qwen3:4b"),
        ("hf.co/user/model:Q4_K_M", "", "hf.co/user/model:Q4_K_M"),
        ("tunedModels/abc", "", "tunedModels/abc"),
        ("gemini://", "gemini", ""),
    ],
)
def test_P147_only_a_scheme_and_models_are_taken_off(name: str, scheme: str, model: str):
    assert ModelRef.parse(name) == (scheme, model)


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "a\r\nx: y", "x" * 257, "a\u2028b"])
def test_T12_what_is_no_name_is_refused_as_the_clients_mistake(name: str):
    with pytest.raises(InvalidRequest) as caught:
        ModelRef.parse(name)
    assert caught.value.param == "model"
