"""How streams end, for every client and every upstream: well, badly, twice, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from mux.codecs import CODECS
from mux.errors import ErrorKind, MuxError, UpstreamFailed, UpstreamUnreachable
from mux.gateway.call import Outcome
from mux.ir import Answer, Finish, Request, Response, StopReason, Text
from tests import sdk
from tests.scenes.fake import Client, Script, ScriptedTransport, asked, gateway
from tests.scenes.pieces import PAIRS, PARTIAL, PIECES, Pieces, ask, chat, data, last_error

pair = pytest.mark.parametrize(("client", "upstream"), PAIRS)
RESET = UpstreamUnreachable("connection reset")
CUTS: dict[str, Callable[[Pieces], tuple[bytes | Exception, ...]]] = {
    "end of bytes": lambda pieces: (),
    "reset": lambda pieces: (RESET,),
    "inside of an event": lambda pieces: (b"data: {", RESET),
    "told": lambda pieces: (pieces.error,),
}


def script(pieces: Pieces, *steps: bytes | float | Exception) -> Script:
    return Script(*steps, content_type=pieces.content_type)


@pair
async def test_F09_an_answer_ends_at_its_own_marker_and_nothing_follows(
    client, upstream, autojump_clock
):
    pieces = PIECES[upstream]
    bodies = []
    for late in ((), (500.0, pieces.late, RESET) if pieces.late else ()):
        steps = pieces.begin + pieces.opened, 1.0, *pieces.texts, pieces.end, *late
        transport = ScriptedTransport(script(pieces, *steps))
        got, outcome = await asked(gateway(transport, upstream), ask(client, stream=True))
        assert sdk.stream(client, got.body).text == "Hello"
        assert (got.ended, outcome.attempts, outcome.error) == (True, 1, "")
        assert transport.open_replies == 0
        bodies.append(got.body)
    assert bodies[0] == bodies[1]
    assert trio.current_time() < 500


@pair
async def test_F09_a_late_word_in_the_same_piece_is_not_passed_on(client, upstream, autojump_clock):
    pieces = PIECES[upstream]
    transport = ScriptedTransport(script(pieces, pieces.text + pieces.late))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=True))
    assert sdk.stream(client, got.body).text == "Hello"
    transport = ScriptedTransport(script(pieces, pieces.text + pieces.late))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=False))
    assert b"late" not in got.body


@pair
@pytest.mark.parametrize("cut", CUTS)
async def test_F10_P46_P225_an_answer_that_breaks_off_ends_in_an_error_and_is_not_tried_again(
    client, upstream, cut, autojump_clock
):
    pieces = PIECES[upstream]
    steps = pieces.begin + pieces.opened + pieces.texts[0], 1.0, *CUTS[cut](pieces)
    transport = ScriptedTransport(script(pieces, *steps), script(pieces, pieces.text))
    got, outcome = await asked(gateway(transport, upstream, upstream), ask(client, stream=True))
    assert (got.status, got.ended, outcome.attempts) == (200, True, 1)
    assert b"Hel" in got.body
    message = last_error(client, got.body)
    assert ("busy" in message) == (cut == "told")
    assert outcome.error, "a cut answer is a failed attempt"
    with pytest.raises(Exception, match=r".+"):
        sdk.stream(client, got.body)


@pair
async def test_F10_a_call_that_breaks_off_is_never_closed(client, upstream, autojump_clock):
    pieces = PIECES[upstream]
    answer = script(pieces, pieces.begin + pieces.call, 1.0)
    got = Client()
    try:
        await gateway(ScriptedTransport(answer), upstream).generate(
            ask(client, stream=True), got, Outcome()
        )
    except UpstreamFailed:  # the call was all there was, and no client had seen any of it
        assert not got.body
    else:
        last_error(client, got.body)
    for mark in (b"content_block_stop", b"arguments.done", b"output_item.done"):
        assert mark not in got.body
    if client != upstream:
        assert b"functionCall" not in got.body, "Gemini's calls are whole"
        assert b'"arguments":{' not in got.body, "and so are Ollama's"


@pair
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("what", ["text", "call"])
async def test_F10_a_whole_answer_is_never_made_of_half_a_stream(
    client, upstream, cut, what, autojump_clock
):
    pieces = PIECES[upstream]
    half = pieces.call if what == "call" else pieces.opened + pieces.texts[0]
    answer = script(pieces, pieces.begin + half, *CUTS[cut](pieces))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(ScriptedTransport(answer), upstream), ask(client, stream=False))
    assert caught.value.status in {502, 503, 529}


@pair
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cut", CUTS)
async def test_F10_F11_P23_what_breaks_off_before_content_is_a_status(
    client, upstream, cut, stream, autojump_clock
):
    pieces = PIECES[upstream]
    transport = ScriptedTransport(script(pieces, pieces.begin, 1.0, *CUTS[cut](pieces)))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, upstream), ask(client, stream=stream))
    assert caught.value.status in {502, 503, 529}
    if cut == "told":
        assert upstream == "ollama" or caught.value.kind is ErrorKind.OVERLOADED
        assert "busy" in caught.value.message


@pair
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cut", CUTS)
async def test_F11_P23_what_breaks_off_before_content_is_tried_at_the_next_upstream(
    client, upstream, cut, stream, autojump_clock
):
    pieces = PIECES[upstream]
    transport = ScriptedTransport(
        script(pieces, pieces.begin, 1.0, *CUTS[cut](pieces)), script(pieces, pieces.text)
    )
    got, outcome = await asked(gateway(transport, upstream, upstream), ask(client, stream=stream))
    assert outcome.attempts == 2
    assert not outcome.error
    read = sdk.stream if stream else sdk.whole
    assert read(client, got.body).text == "Hello"
    assert b"busy" not in got.body


@pytest.mark.parametrize("client", sorted({client for client, _ in PAIRS}))
async def test_F08_P45_a_chat_upstream_that_never_says_why_it_ended(client, autojump_clock):
    pieces = PIECES["openai_chat"]
    spoken = pieces.begin + b"".join(pieces.texts) + data("[DONE]")
    called = {"index": 0, "id": "call_1", "function": {"name": "go", "arguments": '{"a":1}'}}
    for stream, read in ((True, sdk.stream), (False, sdk.whole)):
        transport = ScriptedTransport(script(pieces, spoken))
        got, outcome = await asked(gateway(transport, "openai_chat"), ask(client, stream=stream))
        assert read(client, got.body).text == "Hello"
        assert not outcome.error
        if client == "openai_completions":
            continue
        calling = pieces.begin + data(chat({"tool_calls": [called]}), "[DONE]")
        transport = ScriptedTransport(script(pieces, calling))
        got, outcome = await asked(gateway(transport, "openai_chat"), ask(client, stream=stream))
        seen = read(client, got.body)
        assert seen.calls == [("go", {"a": 1})]
        if client != "openai_chat":  # whose bytes pass through as they are
            assert seen.finish == _CALLED[client]


_CALLED = {
    "anthropic": "tool_use",
    "gemini": "STOP",
    "ollama": "stop",
    "openai_responses": "completed",
}


@pair
@pytest.mark.parametrize("stream", [True, False])
async def test_F12_P71_an_answer_at_the_limit_is_an_answer(
    client, upstream, stream, autojump_clock
):
    pieces = PIECES[upstream]
    answer = script(pieces, pieces.text.removesuffix(pieces.end) + pieces.short)
    transport = ScriptedTransport(answer, script(pieces, pieces.text))
    got, outcome = await asked(gateway(transport, upstream, upstream), ask(client, stream=stream))
    assert (outcome.attempts, outcome.error) == (1, "")
    seen = (sdk.stream if stream else sdk.whole)(client, got.body)
    assert (seen.text, seen.finish) == ("Hello", _SHORT[client])
    if client == "openai_responses":
        assert seen.raw.incomplete_details.reason == "max_output_tokens"
        assert seen.raw.output[0].status == "incomplete"


@pytest.mark.parametrize("client", sorted({client for client, _ in PAIRS} - {"openai_completions"}))
@pytest.mark.parametrize("stream", [True, False])
async def test_F10_F12_a_call_cut_off_by_the_limit_is_never_told_as_whole(
    client, stream, autojump_clock
):
    pieces = PIECES["openai_chat"]
    whole = {"index": 0, "id": "call_0", "function": {"name": "go", "arguments": '{"a":1}'}}
    half = {"index": 1, "id": "call_1", "function": {"name": "go", "arguments": PARTIAL}}
    body = data(chat({"tool_calls": [whole]}), chat({"tool_calls": [half]})) + pieces.short
    upstream = "anthropic" if client == "openai_chat" else "openai_chat"
    if upstream == "anthropic":
        pieces = PIECES[upstream]
        body = pieces.begin + pieces.call + pieces.short
    transport = ScriptedTransport(script(pieces, body))
    got, outcome = await asked(gateway(transport, upstream), ask(client, stream=stream))
    assert not outcome.error
    if client == "openai_chat":  # whose arguments are text, and show that they break off
        assert b'"finish_reason":"length"' in got.body
        assert PARTIAL.encode() in got.body.replace(b'\\"', b'"')
        return
    seen = (sdk.stream if stream else sdk.whole)(client, got.body)
    assert seen.finish == _SHORT[client]
    assert seen.calls[0] == ("go", {"a": 1})
    if client == "openai_responses":
        assert [item.status for item in seen.raw.output] == ["completed", "incomplete"]
    elif client == "anthropic" and stream:  # as Anthropic itself tells it
        assert PARTIAL.encode() in got.body.replace(b'\\"', b'"')
    else:
        assert len(seen.calls) == 1


_SHORT = {
    "anthropic": "max_tokens",
    "gemini": "MAX_TOKENS",
    "ollama": "length",
    "openai_chat": "length",
    "openai_completions": "length",
    "openai_responses": "incomplete",
}


# -- upstreams that repeat themselves or say nothing ----------------------------------------------

TRANSLATED = [names for names in PAIRS if names[0] != names[1]]


def _first(pieces: Pieces) -> bytes:
    return pieces.begin + pieces.opened + pieces.texts[0]


_REPEATED: dict[str, Callable[[Pieces], bytes]] = {
    "the beginning": lambda p: p.begin + p.text,
    "the beginning, later": lambda p: _first(p) + p.begin + p.texts[1] + p.end,
    "the block's beginning": lambda p: _first(p) + p.opened + p.texts[1] + p.end,
    "the end": lambda p: p.text + p.end,
    "no beginning at all": lambda p: p.text.removeprefix(p.begin),
}


@pytest.mark.parametrize(("client", "upstream"), TRANSLATED)
@pytest.mark.parametrize("what", _REPEATED)
async def test_F03_what_an_upstream_says_twice_is_told_once(client, upstream, what, autojump_clock):
    pieces = PIECES[upstream]
    transport = ScriptedTransport(script(pieces, _REPEATED[what](pieces)))
    got, outcome = await asked(gateway(transport, upstream), ask(client, stream=True))
    assert sdk.stream(client, got.body).text == "Hello"
    assert not outcome.error
    for event in (b"message_start", b"content_block_start", b"message_stop", b"response.created"):
        assert got.body.count(b"event: " + event) <= 1


@pytest.mark.parametrize(("client", "upstream"), TRANSLATED)
async def test_F01_P44_nothing_said_is_nothing_told(client, upstream, autojump_clock):
    pieces = PIECES[upstream]
    silence = pieces.texts[0].replace(b"Hel", b"")
    if upstream == "openai_chat":
        silence += data(chat({"content": None, "tool_calls": [], "function_call": None}))
    bodies = []
    for between in (b"", silence):
        said = pieces.texts[0] + between + pieces.texts[1] + between + pieces.end
        body = pieces.begin + pieces.opened + between + said
        transport = ScriptedTransport(script(pieces, body))
        got, _ = await asked(gateway(transport, upstream), ask(client, stream=True))
        bodies.append(got.body)
    assert sdk.stream(client, bodies[0]).text == "Hello"
    assert bodies[0] == bodies[1]


# -- bytes however they come ----------------------------------------------------------------------


@pair
@pytest.mark.parametrize("stream", [True, False])
async def test_F13_P1_letters_cut_in_two_arrive_whole(client, upstream, stream, autojump_clock):
    pieces = PIECES[upstream]
    body = pieces.text.replace(b"Hel", "Hé🎡".encode())
    transport = ScriptedTransport(script(pieces, *(bytes([byte]) for byte in body)))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=stream))
    assert (sdk.stream if stream else sdk.whole)(client, got.body).text == "Hé🎡lo"


_FRAMINGS: dict[str, Callable[[bytes], bytes]] = {
    "without the last blank line": lambda body: body.rstrip(b"\n"),
    "CRLF": lambda body: body.replace(b"\n", b"\r\n"),
    "CR": lambda body: body.replace(b"\n", b"\r"),
    "without spaces": lambda body: body.replace(b"data: ", b"data:"),
    "comments": lambda body: body.replace(b"data: ", b": ping\n\n: x\ndata: "),
    "keep-alives of blank lines": lambda body: body.replace(b"\n\n", b"\n\n\n\n"),
    "data in several lines": lambda body: body.replace(b', "', b',\ndata: "'),
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "other fields": lambda body: body.replace(b"data: ", b"id: 7\nretry: 1\ndata: "),
}


@pytest.mark.parametrize(
    ("client", "upstream"),
    [pair for pair in PAIRS if pair[0] != pair[1] and pair[1] != "ollama"],
)
@pytest.mark.parametrize("framing", _FRAMINGS)
@pytest.mark.parametrize("step", [1, 10_000])
async def test_F14_P2_P3_P4_P5_framing_of_every_sort(
    client, upstream, framing, step, autojump_clock
):
    pieces = PIECES[upstream]
    body = _FRAMINGS[framing](pieces.text)
    cuts = [body[place : place + step] for place in range(0, len(body), step)]
    got, _ = await asked(
        gateway(ScriptedTransport(script(pieces, *cuts)), upstream), ask(client, stream=True)
    )
    assert sdk.stream(client, got.body).text == "Hello"


@pytest.mark.parametrize("dialect", sorted(PIECES))
@pytest.mark.parametrize("framing", _FRAMINGS)
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_F14_P5_what_passes_through_keeps_every_byte(dialect, framing, step, autojump_clock):
    pieces = PIECES[dialect]
    body = pieces.text if dialect == "ollama" else _FRAMINGS[framing](pieces.text)
    cuts = [body[place : place + step] for place in range(0, len(body), step)]
    got, outcome = await asked(
        gateway(ScriptedTransport(script(pieces, *cuts)), dialect), ask(dialect, stream=True)
    )
    assert got.body.rstrip(b"\r\n") == body.rstrip(b"\r\n")
    assert not outcome.error


# -- answers of another shape than the one that was asked for ------------------------------------


@pair
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
async def test_P19_a_stream_nobody_asked_for_is_put_together(
    client, upstream, content_type, autojump_clock
):
    pieces = PIECES[upstream]
    if upstream == "ollama":
        content_type = content_type or pieces.content_type
    transport = ScriptedTransport(Script(pieces.text, content_type=content_type))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=False))
    assert got.headers["content-type"].startswith("application/json")
    assert int(got.headers["content-length"]) == len(got.body)
    assert sdk.whole(client, got.body).text == "Hello"


@pair
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "own"])
async def test_P18_a_whole_answer_where_a_stream_was_asked_for(
    client, upstream, content_type, autojump_clock
):
    response = Response("r", "m", 5, (Answer((Text("Hello"),), Finish(StopReason.STOP)),))
    body = CODECS[upstream].server.encode_response(response, Request("m", origin=upstream))
    if content_type == "own":
        content_type = PIECES[upstream].content_type
    transport = ScriptedTransport(Script(body, content_type=content_type))
    got, outcome = await asked(gateway(transport, upstream), ask(client, stream=True))
    assert not outcome.error
    if client == upstream == "gemini":
        return  # passed through as it is
    assert sdk.stream(client, got.body).text == "Hello"


@pair
@pytest.mark.parametrize("stream", [True, False])
async def test_P18_an_error_under_status_200_is_an_error(client, upstream, stream, autojump_clock):
    body = CODECS[upstream].server.encode_error(UpstreamFailed("out of order"))
    transport = ScriptedTransport(Script(body, content_type="application/json"))
    with pytest.raises(MuxError, match="out of order"):
        await asked(gateway(transport, upstream), ask(client, stream=stream))
    transport = ScriptedTransport(
        Script(body, content_type="application/json"),
        script(PIECES[upstream], PIECES[upstream].text),
    )
    got, outcome = await asked(gateway(transport, upstream, upstream), ask(client, stream=stream))
    assert outcome.attempts == 2
    assert b"out of order" not in got.body
