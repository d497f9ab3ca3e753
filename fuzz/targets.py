"""What must hold for any bytes. A target takes bytes, gives nothing, raises if it does not hold.

The first byte of an input chooses how the rest is cut into pieces; where a target is for all
dialects, the second one chooses the dialect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import h11

from mux.codecs import CODECS
from mux.errors import MuxError
from mux.ir import Checker, Event
from mux.server import _head
from mux.upstream._head import head_of, plain_head
from mux.wire import Doc, chunked, json, jsonarray, ndjson, splice, sse

Target = Callable[[bytes], None]
DIALECTS = sorted(CODECS)


class _Reader(Protocol):
    def feed(self, data: bytes) -> object: ...
    def eof(self) -> object: ...


def _cut(data: bytes) -> tuple[list[bytes], bytes]:
    """The pieces an input asks for, and the same bytes in one."""
    step, body = (data[0] % 16 + 1, data[1:]) if data else (1, b"")
    return [body[place : place + step] for place in range(0, len(body), step)], body


def _dialect(data: bytes) -> tuple[str, bytes]:
    return DIALECTS[data[0] % len(DIALECTS)] if data else DIALECTS[0], data[1:]


def _same_for_any_cut(make: Callable[[], _Reader], data: bytes) -> None:
    def read(pieces: list[bytes]) -> object:
        reader = make()
        out: list[object] = []
        try:
            for piece in [*pieces, None]:
                got = reader.eof() if piece is None else reader.feed(piece)
                out += got if isinstance(got, list) else [got]
        except MuxError as error:
            return type(error)
        return out

    pieces, body = _cut(data)
    assert read(pieces) == read([body])


def fuzz_sse(data: bytes) -> None:
    """Any cut of a byte stream gives the same frames."""
    _same_for_any_cut(sse.Reader, data)


def fuzz_ndjson(data: bytes) -> None:
    """Any cut of a byte stream gives the same lines."""
    _same_for_any_cut(ndjson.Reader, data)


def fuzz_jsonarray(data: bytes) -> None:
    """Any cut of a byte stream gives the same elements, or the same error."""
    _same_for_any_cut(jsonarray.Reader, data)


def fuzz_chunked(data: bytes) -> None:
    """Any cut of a chunked body gives the same bytes and the same rest, or the same error."""

    def read(pieces: list[bytes]) -> object:
        reader, body, rest = chunked.Reader(), b"", b""
        try:
            for piece in pieces:
                if reader.done:
                    rest += piece
                else:
                    body += reader.feed(piece)
        except MuxError as error:
            return type(error)
        return body, reader.done, reader.rest + rest

    pieces, body = _cut(data)
    assert read(pieces) == read([body])


def fuzz_decoder(data: bytes) -> None:
    """A stream decoder never raises, always ends, and gives the same events for any cut."""
    dialect, data = _dialect(data)

    def decode(pieces: list[bytes]) -> list[Event]:
        decoder = CODECS[dialect].client.stream_decoder()
        events = [event for piece in pieces for event in decoder.feed(piece)]
        return events + decoder.eof()

    pieces, body = _cut(data)
    events = decode(pieces)
    assert events == decode([body])
    check = Checker()
    for event in events:
        check(event)
    assert check.done


def fuzz_request(data: bytes) -> None:
    """A request body decodes, or is refused with a clear error; nothing else."""
    dialect, data = _dialect(data)
    try:
        CODECS[dialect].server.decode_request(data, model="m", stream=False)
    except MuxError as error:
        assert error.status == 400
        assert error.message


def fuzz_elements(data: bytes) -> None:
    """A long body means the same, or is as wrong, whether its elements are read alone or not."""
    body = b'{"list":[%b],"rest":"%b"}' % (data, b"r" * 5000)

    def read(*lists: str) -> object:
        try:
            doc = Doc.parse(body, *lists)
            fields = dict(doc.mapping())
            if lists and isinstance(fields.get("list"), list):
                fields["list"] = [item.value for item in doc.need("list").items()]
            return json.dumps(fields)
        except MuxError as error:
            return type(error), error.code

    assert read("list") == read()


def fuzz_response(data: bytes) -> None:
    """An upstream's answer decodes, or is a `MuxError`, whatever its status."""
    dialect, data = _dialect(data)
    client = CODECS[dialect].client
    try:
        client.decode_response(data)
    except MuxError as error:
        assert error.message
    assert client.decode_error(400 + (data[0] if data else 0), data, {}).message


def fuzz_splice(data: bytes) -> None:
    """Replacing a key in what is not JSON never raises."""
    splice.replace_string(data, "model", "m")


def fuzz_head(data: bytes) -> None:
    """A request's head is refused, or h11 takes it, too, and reads the same."""
    head, end, _ = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    head += end or b"\r\n\r\n"
    try:
        ours = _head.parse(head)
    except _head.Refused as refused:
        assert 400 <= refused.status < 500
        return
    parser = _peer()
    parser.receive_data(head)
    theirs = parser.next_event()  # raises if it refuses
    assert isinstance(theirs, h11.Request)
    assert ours.method == theirs.method.decode()
    assert theirs.target.endswith(ours.target) or ours.target == b"/"
    assert ours.version == theirs.http_version.decode()
    plain = [(name, value.lower()) for name, value in ours.headers]
    assert plain == [(name, value.lower()) for name, value in theirs.headers]
    assert ours.length == _length(theirs)
    if not ours.keep_alive:
        return
    if ours.length == 0:
        parser.next_event()
    parser.send(h11.Response(status_code=204, headers=[]))
    assert parser.our_state is not h11.MUST_CLOSE


def _length(request: h11.Request) -> int | None:
    headers = dict(request.headers)
    return None if b"transfer-encoding" in headers else int(headers.get(b"content-length", 0))


def fuzz_body(data: bytes) -> None:
    """A chunked body is refused or not complete, or h11 takes it, too, and reads the same."""
    pieces, body = _cut(data)
    reader, ours = chunked.Reader(), b""
    try:
        for piece in pieces:
            if not reader.done:
                ours += reader.feed(piece)
    except MuxError:
        return
    if not reader.done:
        return
    parser = _peer()
    parser.receive_data(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + body)
    theirs = b""
    while isinstance(event := parser.next_event(), h11.Request | h11.Data):  # raises if it refuses
        theirs += event.data if isinstance(event, h11.Data) else b""
    assert ours == theirs
    assert isinstance(event, h11.EndOfMessage)


def fuzz_answer(data: bytes) -> None:
    """The head of an answer is left to h11, or h11 reads the same in it."""
    if (ours := plain_head(data)) is None:
        return
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1_000_000)
    parser.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    parser.receive_data(data)
    theirs = parser.next_event()  # raises if it refuses
    assert isinstance(theirs, h11.Response)
    assert ours == (head_of(theirs), parser.trailing_data[0])


def _peer() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)


TARGETS: dict[str, Target] = {
    "head": fuzz_head,
    "body": fuzz_body,
    "answer": fuzz_answer,
    "sse": fuzz_sse,
    "ndjson": fuzz_ndjson,
    "jsonarray": fuzz_jsonarray,
    "chunked": fuzz_chunked,
    "elements": fuzz_elements,
    "splice": fuzz_splice,
    "decoder": fuzz_decoder,
    "request": fuzz_request,
    "response": fuzz_response,
}
"""Every target by name."""
