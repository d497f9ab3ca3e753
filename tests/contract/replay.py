"""An upstream that answers with recorded traffic over real HTTP.

The model name chooses the recording. Streams are sent in small pieces, so that frames arrive cut.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PIECE = 61
_IN_PATH = re.compile(r"/models/([^/:?]+):")


def _handler(recordings: Mapping[str, dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            in_path = _IN_PATH.search(self.path)
            exchange = recordings[in_path[1] if in_path else body["model"]]
            self.send_response(exchange["status"])
            if not exchange["stream"]:
                data = json.dumps(exchange["response"]).encode()
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            ndjson = exchange["framing"] == "ndjson"
            kind = "application/x-ndjson" if ndjson else "text/event-stream"
            self.send_header("content-type", kind)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            data = exchange["body"].encode()
            for place in range(0, len(data), _PIECE):
                piece = data[place : place + _PIECE]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def replaying(recordings: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """The base URL of an upstream that knows `recordings` by model name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recordings))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
