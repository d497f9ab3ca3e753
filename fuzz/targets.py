"""What must hold for any bytes. A target takes bytes, gives nothing, raises if it does not hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mux.codecs import CODECS
from mux.errors import MuxError
from mux.ir import Checker, Event
from mux.wire import jsonarray, ndjson, splice, sse

Target = Callable[[bytes], None]


def _pieces(data: bytes) -> list[bytes]:
    """The input cut by its own first byte, so that the fuzzer chooses the cut."""
    if not data:
        return []
    step, body = data[0] % 16 + 1, data[1:]
    return [body[place : place + step] for place in range(0, len(body), step)]


def fuzz_sse(data: bytes) -> None:
    """Any cut of a byte stream gives the same frames."""
    _same_for_any_cut(sse.Reader, data)


def fuzz_ndjson(data: bytes) -> None:
    """Any cut of a byte stream gives the same lines."""
    _same_for_any_cut(ndjson.Reader, data)


def fuzz_jsonarray(data: bytes) -> None:
    """Any cut of a byte stream gives the same elements, or the same error."""
    _same_for_any_cut(jsonarray.Reader, data)


def _same_for_any_cut(
    reader: Callable[[], sse.Reader | ndjson.Reader | jsonarray.Reader], data: bytes
) -> None:
    def read(pieces: list[bytes]) -> object:
        one = reader()
        out: list[object] = []
        try:
            for piece in pieces:
                out += one.feed(piece)
            out += one.eof()
        except MuxError as error:
            return type(error)
        return out

    assert read(_pieces(data)) == read([data[1:]])


def fuzz_decoder(dialect: str, data: bytes) -> None:
    """A decoder never raises, always ends, and gives the same events for any cut."""

    def decode(pieces: list[bytes]) -> list[Event]:
        decoder = CODECS[dialect].client.stream_decoder()
        events = [event for piece in pieces for event in decoder.feed(piece)]
        return events + decoder.eof()

    events = decode(_pieces(data))
    assert events == decode([data[1:]])
    check = Checker()
    for event in events:
        check(event)
    assert check.done


def fuzz_request(dialect: str, data: bytes) -> None:
    """A request body decodes, or is refused with a clear error; nothing else."""
    try:
        CODECS[dialect].server.decode_request(data, model="m", stream=False)
    except MuxError as error:
        assert error.status == 400
        assert error.message


def fuzz_response(dialect: str, data: bytes) -> None:
    """An upstream's answer decodes, or is a `MuxError`, whatever its status."""
    client = CODECS[dialect].client
    try:
        client.decode_response(data)
    except MuxError as error:
        assert error.message
    assert client.decode_error(400 + (data[0] if data else 0), data, {}).message


def fuzz_splice(data: bytes) -> None:
    """Replacing a key in what is not JSON never raises."""
    splice.replace_string(data, "model", "m")


TARGETS: dict[str, Target] = {
    "sse": fuzz_sse,
    "ndjson": fuzz_ndjson,
    "jsonarray": fuzz_jsonarray,
    "splice": fuzz_splice,
    **{f"decoder-{name}": partial(fuzz_decoder, name) for name in CODECS},
    **{f"request-{name}": partial(fuzz_request, name) for name in CODECS},
    **{f"response-{name}": partial(fuzz_response, name) for name in CODECS},
}
"""Every target by name. Those of the dialects follow `CODECS`."""
