"""What the codecs cost: nanoseconds an event for every pair of dialects, microseconds a request.

`python -m bench.codec` prints the tables, `--json` the figures. One thread, no sockets; CPU
time, and the best of several rounds, so that a busy machine disturbs little. With `--serve` it
measures what it is asked for by line: two such processes can take turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count, cycle
from pathlib import Path
from typing import Final

import msgspec

from bench import answers, requests
from mux.codecs import CODECS
from mux.ir import Abilities, Request
from mux.wire import json

TOKENS: Final = 200
READS: Final = {"event": 0, "1 KiB": 1024, "16 KiB": 16_384}
"""How the upstream's bytes come: an event a read, or cut at this size."""

_ROUNDS: Final = 15
_QUICK_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Codecs:
    """`events` is nanoseconds by "client<upstream" and read size; `decode` and `encode` are
    microseconds for an agent's request, by dialect and by "client>upstream", but for those that
    cannot be said in completions."""

    events: dict[str, dict[str, float]]
    decode: dict[str, float]
    encode: dict[str, float]

    def tables(self) -> dict[str, dict[str, dict[str, float]]]:
        """As it is written to files."""
        requests = {"decode": self.decode, "encode": self.encode}
        return {"events": self.events, "requests": requests}


def pieces(dialect: str, size: int) -> list[bytes]:
    """A streamed answer as a gateway would read it."""
    stream = answers.stream(dialect, TOKENS)
    if not size:
        return [stream.opening, *stream.frames, stream.closing]
    data = stream.data
    return [data[place : place + size] for place in range(0, len(data), size)]


def translate(client: str, upstream: str, request: Request, reads: Iterable[bytes]) -> int:
    """Bytes of `upstream` in, bytes of `client` out; returns how many."""
    decoder = CODECS[upstream].client.stream_decoder()
    encoder = CODECS[client].server.stream_encoder(request)
    feed, encode = decoder.feed, encoder.encode
    size = 0
    for piece in reads:
        size += len(b"".join([encode(event) for event in feed(piece)]))
    size += len(b"".join([encode(event) for event in decoder.eof()]))
    return size + len(encoder.eof())


def best_s(work: Callable[[], object], rounds: int) -> float:
    """The CPU time of the cheapest of `rounds` runs."""
    best = float("inf")
    for _ in range(rounds):
        before = time.thread_time()
        work()
        best = min(best, time.thread_time() - before)
    return best


def measure(rounds: int, only: str = "") -> Codecs:
    """All figures, or those of the pairs that name the dialect `only`."""
    events: dict[str, dict[str, float]] = {}
    decode: dict[str, float] = {}
    encode: dict[str, float] = {}
    for client in CODECS:
        if only in ("", client):
            decode[client] = single(f"decode {client}", rounds)
        for upstream in CODECS:
            if only not in ("", client, upstream):
                continue
            events[f"{client}<{upstream}"] = _events(client, upstream, _decoded(client), rounds)
            if _encodes(client, upstream):
                pair = f"{client}>{upstream}"
                encode[pair] = single(f"encode {pair}", rounds)
    return Codecs(events, decode, encode)


def _events(client: str, upstream: str, request: Request, rounds: int) -> dict[str, float]:
    return {
        name: best_s(_translating(client, upstream, request, pieces(upstream, size)), rounds)
        / TOKENS
        * 1e9
        for name, size in READS.items()
    }


def single(name: str, rounds: int) -> float:
    """The microseconds of one piece of work, named as by `names`."""
    kind, _, pair = name.partition(" ")
    client, sign, upstream = pair.partition("<" if kind == "stream" else ">")
    if not sign:
        return best_s(_decoding(client, _agent(client)), rounds) * 1e6
    if kind == "encode":
        return best_s(_encoding(client, upstream), rounds) * 1e6
    reads = pieces(upstream, READS["1 KiB"])
    return best_s(_translating(client, upstream, _decoded(client), reads), rounds) * 1e6


def names() -> list[str]:
    """What `single` can measure."""
    return [
        *(f"stream {client}<{upstream}" for client in CODECS for upstream in CODECS),
        *(f"decode {client}" for client in CODECS),
        *(f"encode {c}>{u}" for c in CODECS for u in CODECS if _encodes(c, u)),
    ]


def _encodes(client: str, upstream: str) -> bool:
    return upstream != "openai_completions" or client == upstream


@cache
def _agent(client: str) -> bytes:
    return requests.ask(client, client, "bench", stream=True, agent=True).body


@cache
def _decoded(client: str) -> Request:
    return CODECS[client].server.decode_request(_agent(client), model="bench", stream=True)


def _translating(
    client: str, upstream: str, request: Request, reads: list[bytes]
) -> Callable[[], object]:
    return lambda: translate(client, upstream, request, reads)


def _decoding(dialect: str, content: bytes) -> Callable[[], object]:
    """An agent's next request each time: all of its turns but the last one were read before."""
    server, pieces, numbers = CODECS[dialect].server, content.split(requests.TURN), count()

    def work() -> object:
        body = requests.turn(next(numbers)).join(pieces)
        return server.decode_request(body, model="bench", stream=True)

    return work


def _encoding(client: str, upstream: str) -> Callable[[], object]:
    """The same requests, for an upstream."""
    server, pieces = CODECS[client].server, _agent(client).split(requests.TURN)
    bodies = [requests.turn(number).join(pieces) for number in range(_ROUNDS)]
    asked = cycle([server.decode_request(body, model="bench", stream=True) for body in bodies])
    encode, abilities = CODECS[upstream].client.encode_request, Abilities()
    return lambda: encode(next(asked), abilities)


def recorded(folder: Path, rounds: int) -> dict[str, float]:
    """Microseconds to decode the largest request of each recording in `folder`, and its size."""
    rows: dict[str, float] = {}
    for file in sorted(folder.glob("*.jsonl")):
        lines = [json.load_object(line) or {} for line in file.read_bytes().splitlines()]
        path, content = max(
            ((str(line["path"]), json.dumps(line["body"])) for line in lines),
            key=lambda pair: len(pair[1]),
        )
        dialect = next((d for end, d in _RECORDED.items() if path.endswith(end)), "gemini")
        name = f"{file.stem} ({dialect}, {len(content) // 1000} KB)"
        rows[name] = best_s(_decoding(dialect, content), rounds) * 1e6
    return rows


_RECORDED: Final = {
    "/chat/completions": "openai_chat",
    "/responses": "openai_responses",
    "/messages": "anthropic",
}


def table(codecs: Codecs) -> str:
    """The figures as text."""
    dialects = list(dict.fromkeys(pair.partition("<")[0] for pair in codecs.events))
    lines = ["ns an event, rows = client, columns = upstream"]
    upstreams = list(dict.fromkeys(pair.partition("<")[2] for pair in codecs.events))
    for read in READS:
        lines.append(_heading(f"read: {read}", upstreams))
        for client in dialects:
            cells = [codecs.events.get(f"{client}<{u}", {}).get(read) for u in upstreams]
            lines.append(_row(client, cells))
    size = requests.AGENT_BYTES // 1000
    lines += ["", f"us a request of {size} KB, rows = client, columns = upstream"]
    lines.append(_heading("", ["decode", *upstreams]))
    for client in dialects:
        encode = [codecs.encode.get(f"{client}>{upstream}") for upstream in upstreams]
        lines.append(_row(client, [codecs.decode.get(client), *encode]))
    return "\n".join(lines)


def _heading(first: str, names: Iterable[str]) -> str:
    return f"{first:20}" + "".join(f"{name.replace('openai_', ''):>13}" for name in names)


def _row(first: str, cells: Iterable[float | None]) -> str:
    return f"{first:20}" + "".join(f"{'' if c is None else f'{c:,.0f}':>13}" for c in cells)


def serve(rounds: int) -> None:
    """Answer each line, the name of a piece of work, with its microseconds, until there is none."""
    for line in sys.stdin:
        sys.stdout.write(f"{single(line.strip(), rounds)}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.codec", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", choices=list(CODECS), default="", help="pairs of one dialect")
    parser.add_argument(
        "--recorded", type=Path, help="also decode the largest request of each *.jsonl here"
    )
    parser.add_argument("--serve", action="store_true", help="measure what each line names")
    options = parser.parse_args()
    rounds = _QUICK_ROUNDS if options.quick else _ROUNDS
    if options.serve:
        serve(rounds)
        return
    codecs = measure(rounds, options.only)
    out = msgspec.json.encode(codecs.tables()).decode() if options.json else table(codecs)
    sys.stdout.write(out + "\n")
    if options.recorded:
        for name, cost_us in recorded(options.recorded, rounds).items():
            sys.stdout.write(f"{name:50} {cost_us:9,.0f} us\n")


if __name__ == "__main__":
    main()
