"""The validators are not stricter than the APIs: what the vendors accepted, they accept.

Held against every recorded request that its vendor's own host answered with success. What is
refused all the same is listed with the reason; nothing else may be.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.recordings import exchanges, needs_corpus
from tests.strict import anthropic, gemini
from tests.strict.dialects import VALIDATORS

OWN = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
}
STRICTER = {
    "openai_chat": [
        (r"messages.*(annotations|name|index): unknown|tools.*unknown",
         "ignored by OpenAI, refused by hosts compatible with it"),
        (r"response_format: None|tools: must be", "null, which the SDK cannot send"),
        (r"arguments: must be a JSON object", "any string is taken; what reads it may not"),
    ],
    "openai_responses": [
        (r"action.sources: must|result: missing|status: (None|missing)",
         "null or absent in replayed items"),
        (r"tool names must be unique", "a deferred tool that is added later"),
        (r"call_id search_call", "a search for tools answered by an ordinary output"),
    ],
    "anthropic": [
        (r"output_format: unknown", "the name of output_config.format while it was in beta"),
        (r"non-whitespace", "sometimes taken beside other blocks"),
        (r"declared image/png, but it is image/jpeg", "a stand-in of the corpus"),
        (r"ids must be unique", "refused by other hosts of the same models"),
        (r"first message must use the user role", "no longer refused everywhere"),
    ],
    "gemini": [
        (r"must alternate|number of function response|answers the call|has the id|a user turn",
         "the API joins neighbours before it looks at them; we write them joined"),
        (r"^.model: unknown|: \d+ is none of|'type': \d", "spellings proto JSON reads too"),
        (r"functionCallingConfig: should only", "only mode NONE is taken"),
        (r"data member, not \[\]", "a part that only describes the one before it"),
        (r"tools: must be a list", "one object for a list of one"),
        (r"last must have role user", "continues the model's text, which we do not ask for"),
        (r"declared image/png", "a stand-in of the corpus"),
        (r"content of their own", "taken by some models only"),
    ],
    "ollama": [
        (r"messages: empty", "loads or unloads the model"),
        (r"tool_name: None", "the form before there was a tool_name"),
    ],
}  # fmt: skip
"""Problems the vendors overlook and we do not, each with the reason."""


def _problems(dialect: str, exchange: dict[str, Any]) -> list[str]:
    path, body = exchange["path"], exchange["request"]
    if dialect == "anthropic":
        return anthropic.problems(path, body, betas="all")
    if dialect == "gemini":
        return gemini.problems(path, gemini.canonical(body))
    return VALIDATORS[dialect](path, body)


@needs_corpus
@pytest.mark.parametrize("dialect", VALIDATORS)
def test_what_the_vendor_accepted_is_accepted(dialect):
    reasons = {re.compile(pattern): 0 for pattern, _ in STRICTER[dialect]}
    checked, refused = 0, []
    for exchange in exchanges(dialect):
        if exchange["vendor"] != OWN[dialect] or exchange["status"] >= 400:
            continue
        if not exchange["request"] or exchange["path"].endswith("/api/generate"):
            continue
        checked += 1
        for problem in _problems(dialect, exchange):
            known = [pattern for pattern in reasons if pattern.search(problem)]
            for pattern in known:
                reasons[pattern] += 1
            if not known:
                refused.append((exchange["id"], problem))
    assert checked > 30
    assert refused == []
    assert 0 not in reasons.values(), "a reason that no recording needs any more"
