"""The management API without a socket: calls with any peer, on a clock that is set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from mux.codecs import CODECS
from mux.config import Settings, files
from mux.config.source import Source
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.app import App
from mux.server.journal import Journal
from mux.server.live import Live, Serving
from mux.server.management import Management
from mux.upstream.demo import DemoTransport
from mux.upstream.h1 import H1Transport
from mux.upstream.schemes import SchemeTransport
from mux.usage import Budgets
from mux.usage.recorder import Recorder
from mux.wire import json

KEY = "management-key-of-the-tests-0001"
LOCAL, REMOTE = "127.0.0.1", "192.0.2.7"

SECRETS = {
    "client": "sk-client-secret-000000000001",
    "robot": "sk-robot-secret-0000000000002",
    "openai": "sk-openai-secret-00000000003",
    "second": "sk-second-secret-00000000004",
    "header": "header-secret-000000000005",
    "proxy": "proxy-password-06",
    "dsn": "database-password-07",
    "environment": "sk-environment-secret-08",
    "commented": "sk-commented-secret-0000000009",
}

CONFIG = f"""\
# by hand
disable-auth: false
api-keys:
  - {SECRETS["client"]}   # the team
  - {{key: "{SECRETS["robot"]}", name: robot, limits: {{requests-per-minute: 60}}}}
proxy-url: "http://user:{SECRETS["proxy"]}@proxy.example.com:3128"
usage: {{dsn: "postgres://mux:{SECRETS["dsn"]}@db/usage"}}
oauth-excluded-models:
  openai: ["*-mini"]
providers:
  # for trying
  - type: demo
  - type: openai
    name: first
    api-keys:
      - {SECRETS["openai"]}
      - {{key: '{SECRETS["second"]}', proxy-url: "socks5://u:{SECRETS["proxy"]}@10.0.0.1:1080"}}
    headers: {{x-team: {SECRETS["header"]}}}
    # api-key: {SECRETS["commented"]}
  - type: anthropic
    api-key: ${{ANTHROPIC_API_KEY}}
# the end
"""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.status in (200, 207), self.body
        assert set(self.json) == {"data", "meta"}
        assert set(self.json["meta"]) == {"timestamp", "version"}
        return self.json["data"]

    @property
    def error(self) -> Any:
        assert self.status >= 400
        assert set(self.json) == {"error"}
        return self.json["error"]


@dataclass
class Desk:
    folder: Path
    environ: dict[str, str]
    now_s: float = 1_800_000_000.0
    usage: Any = None
    used: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = Source(None, self.environ, {})
        self.live = Live(self.source.load().settings, self.source, self._build)
        self.app = Management(self.live, self.source, lambda: self.now_s, self.usage)

    @property
    def file(self) -> Path:
        return self.source.path

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def _build(self, settings: Settings) -> Serving:
        router = Router(from_settings(settings), settings, Catalog())
        demo = DemoTransport(CODECS, self._clock)
        transport = SchemeTransport({"demo": demo, "http": H1Transport(), "https": _Unreachable()})
        gateway = Gateway(router, transport, self._clock, settings, Memory.empty(self._clock))
        recorder = Recorder(None, settings.usage, Budgets(settings.api_keys), self._clock)
        return Serving(gateway, App(settings, gateway, Journal(recorder, Catalog())))

    def _clock(self) -> float:
        return self.now_s

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        peer: str = LOCAL,
        host: str = "localhost:8317",
        under: str = "/v1/management",
        **headers: str,
    ) -> Answer:
        """One call, in process. A body that is not bytes goes as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        heads = {"host": host, "content-type": "application/json"}
        heads |= {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            heads["x-management-key"] = key
        plain, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": under + plain,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in heads.items()],
            "server": ("127.0.0.1", 8317),
            "client": (peer, 50_000),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await trio.lowlevel.checkpoint()
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            await trio.lowlevel.checkpoint()
            sent.append(message)

        await self.app(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], head, b"".join(m.get("body", b"") for m in sent[1:]))


class _Unreachable:
    """An upstream that no connection leads to."""

    def open(self, request: Any, /) -> Any:
        from mux.errors import UpstreamUnreachable

        raise UpstreamUnreachable("no network in tests")


def open_desk(home: Path, config: str = CONFIG, **options: Any) -> Desk:
    folder = home / "llm-mux"
    files.make_folder(folder)
    files.write(folder / "config.yaml", config)
    environ = {
        "XDG_CONFIG_HOME": str(home),
        "LLM_MUX_MANAGEMENT_KEY": KEY,
        "ANTHROPIC_API_KEY": SECRETS["environment"],
    }
    return Desk(folder, environ, **options)


def form(**parts: tuple[str, bytes] | bytes) -> tuple[bytes, str]:
    """A multipart body and its content type; a part is a value, or a file's name and content."""
    lines: list[bytes] = []
    for name, part in parts.items():
        filename, content = part if isinstance(part, tuple) else ("", part)
        said = f'form-data; name="{name.rstrip("_")}"'
        said += f'; filename="{filename}"' if filename else ""
        lines += [b"--edge", f"content-disposition: {said}".encode(), b"", content]
    return b"\r\n".join([*lines, b"--edge--", b""]), "multipart/form-data; boundary=edge"
