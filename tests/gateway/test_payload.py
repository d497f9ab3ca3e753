"""What the configuration writes into upstream requests."""

from __future__ import annotations

from typing import Any

from mux.config.settings import Payload, PayloadModel, PayloadRule
from mux.gateway import payload

GEMINI = (PayloadModel("gemini-*"),)
BODY = b'{"model": "m",  "generationConfig": {"topK": 3}, "a": 1}'


def applied(body: bytes = BODY, model: str = "gemini-3", dialect: str = "gemini", **rules: Any):
    made = {
        name: (PayloadRule(rules.get("models", GEMINI), rules[name]),)
        for name in ("default", "override")
        if name in rules
    }
    return payload.apply(Payload(**made), body, model=model, dialect=dialect)


def test_defaults_fill_in_and_overrides_set():
    fields = {"generationConfig.topK": 40, "generationConfig.topP": 0.5}
    assert applied(default=fields) == (
        b'{"model":"m","generationConfig":{"topK":3,"topP":0.5},"a":1}'
    )
    assert applied(override=fields) == (
        b'{"model":"m","generationConfig":{"topK":40,"topP":0.5},"a":1}'
    )


def test_objects_on_the_way_are_made_and_null_takes_a_field_away():
    assert applied(default={"x.y.z": [1]}, override={"a": None}) == (
        b'{"model":"m","generationConfig":{"topK":3},"x":{"y":{"z":[1]}}}'
    )


def test_what_is_no_object_is_left_alone():
    assert applied(override={"a.b": 1}) == BODY.replace(b" ", b"")


def test_rules_for_others_leave_every_byte():
    assert applied(model="gpt-5", override={"a": 2}) is BODY
    only = (PayloadModel("*", "openai-chat"),)
    assert applied(models=only, override={"a": 2}) is BODY
    assert b'"a":2' in applied(models=only, dialect="openai_chat", override={"a": 2})
