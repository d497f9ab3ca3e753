"""Responses that build on one another over upstreams that keep none, with the official SDK."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.contract.processes import llm_mux


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with (
        llm_mux("demo") as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("model", ["demo-gemini", "demo-anthropic", "demo-chat"])
def test_F44_an_answer_can_be_built_on_as_soon_as_it_has_ended(client: openai.OpenAI, model: str):
    with client.responses.stream(model=model, input="Hello") as stream:
        first = stream.get_final_response()
        second = client.responses.create(model=model, input="Again", previous_response_id=first.id)
    assert second.output_text
    assert second.previous_response_id is None or second.previous_response_id == first.id
    asked = client.responses.input_items.list(second.id, order="asc").data
    said = [item.content[0].text for item in asked if item.type == "message"]  # type: ignore[union-attr]
    assert said == ["Hello", first.output_text, "Again"]


def test_a_kept_response_is_shown_and_deleted(client: openai.OpenAI):
    made = client.responses.create(model="demo-gemini", input="Hello")
    shown = client.responses.retrieve(made.id)
    assert (shown.id, shown.output_text, shown.usage) == (made.id, made.output_text, made.usage)
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(made.id)
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_P227_an_unknown_answer_cannot_be_built_on(client: openai.OpenAI):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="demo-gemini", input="x", previous_response_id="resp_none")
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"


def test_F44_what_is_not_to_be_stored_is_not(client: openai.OpenAI):
    made = client.responses.create(model="demo-gemini", input="Keep nothing", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="demo-gemini", input="x", previous_response_id=made.id)


def test_a_client_sees_its_own_responses_alone(client: openai.OpenAI):
    made = client.responses.create(model="demo-gemini", input="Hello")
    with pytest.raises(openai.NotFoundError):
        client.with_options(api_key="another").responses.retrieve(made.id)
