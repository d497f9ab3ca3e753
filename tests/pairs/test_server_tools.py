"""Searches and code that a provider ran, told to the clients of every other (sections 19, 20).

Read through the clients' own SDKs, whole and streamed, and sent back as their histories.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import Unsupported
from mux.ir import Abilities, Event, Request, unfold
from tests import sdk
from tests.pairs.upstreams import sse

CHAT, RESPONSES, ANTHROPIC, GEMINI = "openai_chat", "openai_responses", "anthropic", "gemini"
QUERY, URL, TITLE = "weather in Oslo", "https://weather.test/oslo", "Oslo weather"
BEFORE, CITED, AFTER = "Grüße! ", "It rains in Oslo.", " Bye."
SAID = BEFORE + CITED + AFTER


# -- what upstreams say ---------------------------------------------------------------------------


def _anthropic() -> list[dict[str, Any]]:
    hit = {
        "type": "web_search_result",
        "url": URL,
        "title": TITLE,
        "encrypted_content": "Eq==",
        "page_age": "1 day",
    }
    note = {
        "type": "web_search_result_location",
        "cited_text": "rain",
        "url": URL,
        "title": TITLE,
        "encrypted_index": "Ep==",
    }
    return [
        {
            "type": "server_tool_use",
            "id": "srvtoolu_01",
            "name": "web_search",
            "input": {"query": QUERY},
        },
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01", "content": [hit]},
        {"type": "text", "text": BEFORE},
        {"type": "text", "text": CITED, "citations": [note]},
        {"type": "text", "text": AFTER},
    ]


def _message(content: list[Any]) -> dict[str, Any]:
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 9,
            "output_tokens": 5,
            "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        },
    }


def _anthropic_stream() -> bytes:
    out: list[Any] = [{"type": "message_start", "message": {**_message([]), "stop_reason": None}}]
    for index, block in enumerate(_anthropic()):
        head, deltas = block, list[Any]()
        if block["type"] == "text":
            head = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": block["text"]}]
            for note in block.get("citations", ()):
                deltas.append({"type": "citations_delta", "citation": note})
        elif "input" in block:
            head = {**block, "input": {}}
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": text}]
        out.append({"type": "content_block_start", "index": index, "content_block": head})
        out += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        out.append({"type": "content_block_stop", "index": index})
    usage = _message([])["usage"]
    out.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    return sse(*out, {"type": "message_stop"}, named=True)


def _responses() -> dict[str, Any]:
    start = len(BEFORE)
    note = {"type": "url_citation", "start_index": start, "end_index": start + len(CITED)}
    note |= {"url": URL, "title": TITLE}
    action = {"type": "search", "query": QUERY, "sources": [{"type": "url", "url": URL}]}
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": action}
    content = {"type": "output_text", "text": SAID, "annotations": [note], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-x",
        "status": "completed",
        "output": [search, {**message, "content": [content]}],
        "usage": {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14},
    }


def _responses_stream() -> bytes:
    done = _responses()
    search, message = done["output"]
    [part] = message["content"]
    there = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    out: list[Any] = [{"type": "response.created", "response": {**done, "output": []}}]
    begun = {**search, "status": "in_progress", "action": {"type": "search"}}
    out += [
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0},
        {"type": "response.output_item.done", "output_index": 0, "item": search},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {**message, "content": []},
        },
        {"type": "response.output_text.delta", **there, "delta": SAID, "logprobs": []},
        {
            "type": "response.output_text.annotation.added",
            **there,
            "annotation_index": 0,
            "annotation": part["annotations"][0],
        },
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.completed", "response": done},
    ]
    return sse(*out, named=True)


def _gemini(text: str, *, last: bool = True) -> dict[str, Any]:
    candidate: dict[str, Any] = {
        "index": 0,
        "content": {"role": "model", "parts": [{"text": text}]},
    }
    if last:
        start, length = len(BEFORE.encode()), len(CITED.encode())
        segment = {"startIndex": start, "endIndex": start + length, "text": CITED}
        candidate["groundingMetadata"] = {
            "webSearchQueries": [QUERY],
            "groundingChunks": [{"web": {"uri": URL, "title": TITLE}}],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
        }
        candidate["finishReason"] = "STOP"
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}
    return {"candidates": [candidate], "usageMetadata": usage, "responseId": "r1"}


UPSTREAMS = {
    ANTHROPIC: (json.dumps(_message(_anthropic())).encode(), _anthropic_stream()),
    RESPONSES: (json.dumps(_responses()).encode(), _responses_stream()),
    GEMINI: (
        json.dumps(_gemini(SAID)).encode(),
        sse(_gemini(BEFORE, last=False), _gemini(CITED, last=False), _gemini(AFTER)),
    ),
}


def told(upstream: str, client: str, *, stream: bool, request: Request) -> bytes:
    source, server = CODECS[upstream].client, CODECS[client].server
    whole, streamed = UPSTREAMS[upstream]
    if not stream:
        return server.encode_response(source.decode_response(whole), request)
    decoder, encoder = source.stream_decoder(), server.stream_encoder(request)
    events: list[Event] = decoder.feed(streamed) + decoder.eof()
    return b"".join(encoder.encode(event) for event in events) + encoder.eof()


def seen(upstream: str, client: str, *, stream: bool, **fields: Any) -> sdk.Seen:
    request = Request("m", origin=client, stream=stream, **fields)
    body = told(upstream, client, stream=stream, request=request)
    return (sdk.stream if stream else sdk.whole)(client, body)


others = pytest.mark.parametrize(
    ("upstream", "stream"),
    [(name, stream) for name in UPSTREAMS for stream in (False, True)],
    ids=lambda value: value if isinstance(value, str) else ("whole", "streamed")[value],
)


# -- what clients hear ----------------------------------------------------------------------------


@others
def test_F25_anthropic_clients_hear_of_a_search_and_what_it_found(upstream, stream):
    content = seen(upstream, ANTHROPIC, stream=stream).raw.content
    [call] = [block for block in content if block.type == "server_tool_use"]
    [result] = [block for block in content if block.type == "web_search_tool_result"]
    assert (call.name, call.input) == ("web_search", {"query": QUERY})
    assert result.tool_use_id == call.id
    assert [hit.url for hit in result.content] == [URL]
    assert all(hit.title and hit.encrypted_content for hit in result.content)
    notes = [note for block in content if block.type == "text" for note in block.citations or ()]
    assert [(note.url, note.title) for note in notes] == [(URL, TITLE)]


@others
@pytest.mark.parametrize("asked", [False, True])
def test_F25_responses_clients_hear_of_a_search_and_its_sources_if_they_ask(
    upstream, stream, asked
):
    include = {"include": ["web_search_call.action.sources"]} if asked else {}
    heard = seen(upstream, RESPONSES, stream=stream, ext={RESPONSES: include}).raw
    [search] = [item for item in heard.output if item.type == "web_search_call"]
    assert (search.status, search.action.type, search.action.query) == (
        "completed",
        "search",
        QUERY,
    )
    sources = search.action.sources
    if asked or upstream == RESPONSES:
        assert [source.url for source in sources] == [URL]
    else:
        assert sources is None
    [message] = [item for item in heard.output if item.type == "message"]
    [(note, text)] = [(note, part.text) for part in message.content for note in part.annotations]
    assert (note.type, note.url, note.title) == ("url_citation", URL, TITLE)
    assert text[note.start_index : note.end_index] == CITED


def test_F25_a_responses_client_sees_a_search_begin_before_its_result_is_known():
    encoder = CODECS[RESPONSES].server.stream_encoder(Request("m", origin=RESPONSES, stream=True))
    decoder = CODECS[ANTHROPIC].client.stream_decoder()
    until = UPSTREAMS[ANTHROPIC][1].split(b"event: content_block_start")[:2]
    out = b"".join(
        encoder.encode(event) for event in decoder.feed(b"event: content_block_start".join(until))
    )
    assert b"response.web_search_call.searching" in out
    assert b"response.web_search_call.completed" not in out


@others
def test_F25_gemini_clients_find_a_search_in_the_grounding(upstream, stream):
    body = told(upstream, GEMINI, stream=stream, request=Request("m", origin=GEMINI, stream=stream))
    last = json.loads(body.decode().strip().rpartition("data: ")[2]) if stream else json.loads(body)
    grounding = last["candidates"][0]["groundingMetadata"]
    assert grounding["webSearchQueries"] == [QUERY]
    uris = [chunk["web"]["uri"] for chunk in grounding["groundingChunks"]]
    assert set(uris) == {URL}
    [support] = grounding["groundingSupports"]
    segment = support["segment"]
    assert segment["text"] == CITED
    [number] = support["groundingChunkIndices"]
    assert grounding["groundingChunks"][number]["web"]["title"] == TITLE
    if stream:
        low, high = segment["startIndex"], segment["endIndex"]
        assert SAID.encode()[low:high].decode() == CITED


@others
def test_F25_chat_clients_hear_of_citations_only(upstream, stream):
    heard = seen(upstream, CHAT, stream=stream).raw.choices[0].message
    assert heard.content.replace("\n\n", "") == SAID
    [note] = heard.annotations
    cited = note["url_citation"] if isinstance(note, dict) else note.url_citation.model_dump()
    assert (cited["url"], cited["title"]) == (URL, TITLE)
    assert heard.content[cited["start_index"] : cited["end_index"]] == CITED
    assert not heard.tool_calls


# -- and send back --------------------------------------------------------------------------------


def _replayed(client: str, upstream: str, target: str) -> tuple[dict[str, Any], list[str]]:
    """The request an upstream gets when a client goes on after such an answer."""
    said = json.loads(told(upstream, client, stream=False, request=Request("m", origin=client)))
    if client == ANTHROPIC:
        history = [{"role": "user", "content": "q"}, {"role": "assistant"}]
        history[1]["content"] = said["content"]
        messages = [*history, {"role": "user", "content": "go on"}]
        body: Any = {"model": "m", "max_tokens": 9, "messages": messages}
    else:
        items = [{"role": "user", "content": "q"}, *said["output"]]
        body = {
            "model": "m",
            "store": False,
            "input": [*items, {"role": "user", "content": "go on"}],
        }
    request = CODECS[client].server.decode_request(json.dumps(body).encode())
    encoded = CODECS[target].client.encode_request(request, Abilities(max_output=9))
    return json.loads(encoded.body), [loss.code for loss in encoded.losses]


@pytest.mark.parametrize("upstream", [RESPONSES, GEMINI])
def test_F25_anthropic_never_gets_back_a_search_it_did_not_run(upstream):
    body, losses = _replayed(ANTHROPIC, upstream, ANTHROPIC)
    [said] = [message for message in body["messages"] if message["role"] == "assistant"]
    assert {block["type"] for block in said["content"]} == {"text"}
    assert "mux1." not in json.dumps(body)
    assert {"drop:server_call.web_search", "drop:server_result.web_search"} <= set(losses)


def test_F25_anthropic_gets_back_a_search_of_its_own():
    body, losses = _replayed(ANTHROPIC, ANTHROPIC, ANTHROPIC)
    assert body["messages"][1]["content"] == _anthropic()
    assert losses == []


@pytest.mark.parametrize(
    ("client", "target"),
    [(RESPONSES, ANTHROPIC), (RESPONSES, GEMINI), (RESPONSES, CHAT)]
    + [(ANTHROPIC, target) for target in (RESPONSES, GEMINI, CHAT, "ollama")],
)
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_F25_searches_in_a_history_for_another_provider_are_dropped_with_a_warning(
    upstream, client, target
):
    body, losses = _replayed(client, upstream, target)
    text = json.dumps(body, ensure_ascii=False)
    assert CITED in text
    assert "web_search" not in text
    assert "mux1." not in text
    assert any("server" in code for code in losses)


def test_F25_a_responses_history_keeps_the_search_for_openai():
    body, _ = _replayed(RESPONSES, RESPONSES, RESPONSES)
    assert body["input"][1] == _responses()["output"][0]


@pytest.mark.parametrize("client", [ANTHROPIC, CHAT, GEMINI])
def test_F25_openai_is_asked_for_the_sources_of_its_searches(client):
    tools = {
        ANTHROPIC: {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        CHAT: {"web_search_options": {}},
        GEMINI: {"tools": [{"googleSearch": {}}]},
    }[client]
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}
    if client == GEMINI:
        asked = {"contents": [{"role": "user", "parts": [{"text": "q"}]}]}
    request = CODECS[client].server.decode_request(json.dumps(asked | tools).encode(), model="m")
    body = json.loads(CODECS[RESPONSES].client.encode_request(request, Abilities()).body)
    assert "web_search_call.action.sources" in body["include"]
    assert {"type": "web_search"} in body["tools"]


def test_F25_a_gemini_search_is_told_once_although_the_service_shows_its_steps():
    steps = [
        {
            "toolCall": {
                "id": "t",
                "toolType": "GOOGLE_SEARCH_WEB",
                "args": {"queries": [QUERY]},
            },
            "thoughtSignature": "Uw==",
        },
        {
            "toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {}},
            "thoughtSignature": "Vw==",
        },
    ]
    answer = _gemini(SAID)
    answer["candidates"][0]["content"]["parts"][:0] = steps
    response = CODECS[GEMINI].client.decode_response(json.dumps(answer).encode())
    for client, kind in ((ANTHROPIC, "server_tool_use"), (RESPONSES, "web_search_call")):
        body = CODECS[client].server.encode_response(response, Request("m", origin=client))
        assert body.decode().count(f'"type":"{kind}"') == 1


CLAUDE_CODE_SEARCH = {
    "model": "m",
    "max_tokens": 32000,
    "system": [{"type": "text", "text": "You search the web."}],
    "messages": [{"role": "user", "content": "Perform a web search for: Oslo"}],
    "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
    "tool_choice": {"type": "tool", "name": "web_search"},
    "stream": True,
}


def test_F25_P189_the_search_claude_code_asks_for_is_run_by_whoever_can():
    request = CODECS[ANTHROPIC].server.decode_request(json.dumps(CLAUDE_CODE_SEARCH).encode())
    gemini = json.loads(CODECS[GEMINI].client.encode_request(request, Abilities()).body)
    assert gemini["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in gemini
    openai = json.loads(CODECS[RESPONSES].client.encode_request(request, Abilities()).body)
    assert openai["tools"] == [{"type": "web_search"}]
    assert openai["tool_choice"] == {"type": "web_search"}
    with pytest.raises(Unsupported) as caught:
        CODECS[CHAT].client.encode_request(request, Abilities())
    assert caught.value.code == "server_tool_unsupported"
    able = CODECS[CHAT].client.encode_request(request, Abilities(web_search=True))
    assert json.loads(able.body)["web_search_options"] == {}


@pytest.mark.parametrize("stream", [False, True])
def test_citations_of_documents_go_where_there_is_a_form_for_them(stream):
    page = {
        "type": "page_location",
        "cited_text": "said",
        "document_index": 0,
        "document_title": "Doc.pdf",
        "start_page_number": 1,
        "end_page_number": 2,
    }
    answer = _message([{"type": "text", "text": "It says so.", "citations": [page]}])
    response = CODECS[ANTHROPIC].client.decode_response(json.dumps(answer).encode())

    def body(client: str) -> bytes:
        server, asks = CODECS[client].server, Request("m", origin=client, stream=stream)
        if not stream:
            return server.encode_response(response, asks)
        encoder = server.stream_encoder(asks)
        return b"".join(map(encoder.encode, unfold(response))) + encoder.eof()

    judge = sdk.stream if stream else sdk.whole
    [message] = judge(RESPONSES, body(RESPONSES)).raw.output
    [note] = message.content[0].annotations
    assert (note.type, note.filename, note.index) == ("file_citation", "Doc.pdf", 11)
    assert b'{"retrievedContext":{"title":"Doc.pdf"}}' in body(GEMINI)
    judge(GEMINI, body(GEMINI))
    assert judge(CHAT, body(CHAT)).text == "It says so."
    assert b"Doc.pdf" not in body(CHAT)
    [block] = judge(ANTHROPIC, body(ANTHROPIC)).raw.content
    assert block.citations[0].start_page_number == 1


# -- code -----------------------------------------------------------------------------------------

CODE, PRINTED = "print(6 * 7)", "42\n"


def _ran(upstream: str, *, failed: bool) -> bytes:
    match upstream:
        case "anthropic":
            result = {
                "type": "code_execution_result",
                "stdout": "" if failed else PRINTED,
                "stderr": PRINTED if failed else "",
                "return_code": int(failed),
                "content": [],
            }
            call = {"type": "server_tool_use", "id": "srvtoolu_01", "name": "code_execution"}
            answer = {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_01"}
            blocks = [{**call, "input": {"code": CODE}}, {**answer, "content": result}]
            return json.dumps(_message(blocks)).encode()
        case "openai_responses":
            item = {"id": "ci_1", "type": "code_interpreter_call", "container_id": "c"}
            item |= {"status": "failed" if failed else "completed", "code": CODE}
            outputs = [{"type": "logs", "logs": PRINTED}]
            return json.dumps(_responses() | {"output": [{**item, "outputs": outputs}]}).encode()
        case _:
            outcome = "OUTCOME_FAILED" if failed else "OUTCOME_OK"
            answer = _gemini(SAID)
            answer["candidates"][0].pop("groundingMetadata")
            answer["candidates"][0]["content"]["parts"] = [
                {"executableCode": {"language": "PYTHON", "code": CODE}},
                {"codeExecutionResult": {"outcome": outcome, "output": PRINTED}},
                {"executableCode": {"language": "PYTHON", "code": CODE}},
                {"codeExecutionResult": {"outcome": outcome, "output": PRINTED}},
            ]
            return json.dumps(answer).encode()


def _shown(upstream: str, client: str, *, failed: bool, stream: bool, **fields: Any) -> Any:
    response = CODECS[upstream].client.decode_response(_ran(upstream, failed=failed))
    server, asks = CODECS[client].server, Request("m", origin=client, stream=stream, **fields)
    if not stream:
        return sdk.whole(client, server.encode_response(response, asks)).raw
    encoder = server.stream_encoder(asks)
    return sdk.stream(client, b"".join(map(encoder.encode, unfold(response))) + encoder.eof()).raw


code_runs = pytest.mark.parametrize(
    ("failed", "stream"), [(False, False), (True, False), (False, True), (True, True)]
)


@pytest.mark.parametrize("upstream", [RESPONSES, GEMINI])
@code_runs
def test_anthropic_clients_hear_of_code_that_ran(upstream, failed, stream):
    content = _shown(upstream, ANTHROPIC, failed=failed, stream=stream).content
    calls = [block for block in content if block.type == "server_tool_use"]
    results = [block for block in content if block.type == "code_execution_tool_result"]
    assert [call.input for call in calls] == [{"code": CODE}] * len(calls) != []
    assert [result.tool_use_id for result in results] == [call.id for call in calls]
    assert len({call.id for call in calls}) == len(calls)
    for result in results:
        told = (result.content.stdout, result.content.stderr, result.content.return_code)
        assert told == (("", PRINTED, 1) if failed else (PRINTED, "", 0))


@pytest.mark.parametrize("upstream", [ANTHROPIC, GEMINI])
@code_runs
@pytest.mark.parametrize("asked", [False, True])
def test_responses_clients_hear_of_code_that_ran(upstream, failed, stream, asked):
    include = {"include": ["code_interpreter_call.outputs"]} if asked else {}
    heard = _shown(upstream, RESPONSES, failed=failed, stream=stream, ext={RESPONSES: include})
    items = [item for item in heard.output if item.type == "code_interpreter_call"]
    assert items
    for item in items:
        assert (item.code, item.status) == (CODE, "failed" if failed else "completed")
        assert [output.logs for output in item.outputs or ()] == ([PRINTED] if asked else [])


@pytest.mark.parametrize("upstream", [ANTHROPIC, RESPONSES])
@code_runs
def test_gemini_clients_hear_of_code_that_ran(upstream, failed, stream):
    heard = _shown(upstream, GEMINI, failed=failed, stream=stream)
    chunks = heard if isinstance(heard, list) else [heard]
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    [code] = [part.executable_code for part in parts if part.executable_code]
    [result] = [part.code_execution_result for part in parts if part.code_execution_result]
    assert (code.code, code.language.value) == (CODE, "PYTHON")
    assert result.output == PRINTED
    assert result.outcome.value == ("OUTCOME_FAILED" if failed else "OUTCOME_OK")


@pytest.mark.parametrize("upstream", [ANTHROPIC, RESPONSES, GEMINI])
@pytest.mark.parametrize("client", [CHAT, "ollama"])
def test_chat_clients_do_not_hear_of_code_that_ran(upstream, client):
    variant = "chat" if client == "ollama" else ""
    response = CODECS[upstream].client.decode_response(_ran(upstream, failed=False))
    body = CODECS[client].server.encode_response(response, Request("m", variant=variant))
    assert CODE not in body.decode()
