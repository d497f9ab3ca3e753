"""CPU that reading an answer's head and one streamed chunk costs: ours beside bare h11 and httpx.

`python -m bench.upstream` prints a table in microseconds, a head first. The upstream
is a second process that writes 240-byte chunks, each with a write of its own: as fast as it can, or
with a pause after each, so that every chunk wakes the reader. Only this process's CPU is counted.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Awaitable, Callable
from pathlib import Path

import h11
import httpx
import trio
import trustme

from mux.providers.outgoing import Outgoing
from mux.upstream._head import plain_head
from mux.upstream._limits import Limits
from mux.upstream.h1 import H1Transport

CHUNK = b"f0\r\n%b\r\n" % (b"x" * 240)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 07:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nx-ratelimit-reset-tokens: 1m2s\r\nCF-RAY: 8e1-FRA\r\n"
    b"strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\r\n{}"
)
HEADS = 10_000
PACES = {"back to back": (20_000, 0.0), "paced": (2_000, 0.0005)}


def serve(pem: str) -> None:
    """Answer one connection after the other; the path says how many chunks and which pause."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = client.recv(1, socket.MSG_PEEK)
        if first == b"\x16":
            client = context.wrap_socket(client, server_side=True)
        count, pause_s = client.recv(65536).split(b" ")[1].strip(b"/").split(b"/")
        client.sendall(HEAD)
        for _ in range(int(count)):
            client.sendall(CHUNK)
            if float(pause_s):
                time.sleep(float(pause_s))
        client.sendall(b"0\r\n\r\n")
        client.close()


async def read_transport(url: str, context: ssl.SSLContext) -> int:
    size = 0
    async with H1Transport(Limits(), context).open(Outgoing("GET", url, {}, b"")) as reply:
        while piece := await reply.receive_some():
            size += len(piece)
    return size


async def read_h11(url: str, context: ssl.SSLContext) -> int:
    """h11 over a trio stream, one `Data` event a chunk."""
    parts = httpx.URL(url)
    stream: trio.abc.Stream = await trio.open_tcp_stream(parts.host, parts.port or 0)
    if parts.scheme == "https":
        stream = trio.SSLStream(stream, context, server_hostname=parts.host, https_compatible=True)
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=parts.raw_path, headers=[("host", parts.host)])
    await stream.send_all(connection.send(request) + connection.send(h11.EndOfMessage()))
    size = 0
    async with stream:
        while type(event := connection.next_event()) is not h11.EndOfMessage:
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(65536)))
            elif type(event) is h11.Data:
                size += len(event.data)
    return size


async def read_httpx(url: str, context: ssl.SSLContext) -> int:
    size = 0
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, timeout=60) as client,
        client.stream("GET", url) as reply,
    ):
        async for piece in reply.aiter_raw():
            size += len(piece)
    return size


READERS: dict[str, Callable[[str, ssl.SSLContext], Awaitable[int]]] = {
    "H1Transport": read_transport,
    "h11 on trio": read_h11,
    "httpx": read_httpx,
}


def plain(data: bytes) -> object:
    """The head as `H1Transport` reads it."""
    return plain_head(data)


def by_h11(data: bytes) -> object:
    """The head as a parser of h11's own reads it."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    parser.receive_data(data)
    return parser.next_event()


def head_us(read: Callable[[bytes], object]) -> float:
    """CPU microseconds a head, the best of three."""
    return min(timeit.repeat(lambda: read(ANSWER), number=HEADS, repeat=3)) / HEADS * 1e6


def measure(
    read: Callable[[str, ssl.SSLContext], Awaitable[int]],
    url: str,
    context: ssl.SSLContext,
    count: int,
) -> float:
    """CPU microseconds a chunk, the best of three."""
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        size = trio.run(read, url, context)
        best = min(best, time.process_time() - before)
        if size != count * 240:
            raise RuntimeError(f"{size} bytes arrived, not {count * 240}")
    return best / count * 1e6


def main() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.upstream", str(pem)], stdout=subprocess.PIPE
        )
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            table(port, context)
        finally:
            server.kill()
            server.wait()


def table(port: int, context: ssl.SSLContext) -> None:
    print(f"us a head: H1Transport {head_us(plain):.1f}, h11 {head_us(by_h11):.1f}")
    print(f"{'us CPU a chunk':24}" + "".join(f"{name:>14}" for name in READERS))
    for scheme in ("http", "https"):
        for pace, (count, pause_s) in PACES.items():
            url = f"{scheme}://localhost:{port}/{count}/{pause_s}"
            cells = [measure(read, url, context, count) for read in READERS.values()]
            print(f"{scheme + ', ' + pace:24}" + "".join(f"{cell:14.1f}" for cell in cells))


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else main()
