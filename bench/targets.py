"""What is measured: llm-mux itself, and the ways to the mock upstream that it is held against."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from bench import requests
from bench.processes import ROOT, Watched, cores, free_port, listener, program, wait_for_port

_START_S: Final = 30.0
_ANSWER_S: Final = 10.0
_HEAD_BYTES: Final = 4096
DIRECT: Final = "direct"
MUX: Final = "llm-mux"


class NotToBeHad(Exception):
    """A target cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A client's dialect and the upstream's."""

    client: str
    upstream: str

    def __str__(self) -> str:
        return f"{self.client}>{self.upstream}"

    @property
    def same(self) -> bool:
        """Whether nothing is to be translated."""
        return self.client == self.upstream

    @staticmethod
    def parse(text: str) -> Pair:
        """The pair that prints as `text`."""
        client, _, upstream = text.partition(">")
        return Pair(client, upstream)


Serves: TypeAlias = Callable[[Pair], bool]


def every_pair(pair: Pair) -> bool:
    """llm-mux: every pair that can be said at all."""
    return requests.speaks(pair.client, pair.upstream)


def same_only(pair: Pair) -> bool:
    """What only forwards bytes."""
    return pair.same


def model_of(upstream: str) -> str:
    """The name of the model that leads a gateway to the mock in the dialect `upstream`."""
    return f"via-{upstream}"


@dataclass(frozen=True, slots=True)
class Target:
    """Something that listens on `port` and serves the pairs of `serves`.

    `watched` is None where the mock itself is asked. `models` are the names it has for the models
    of each upstream dialect, where they are not those of `model_of`.
    """

    name: str
    port: int
    watched: Watched | None
    serves: Serves
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    answers_itself: bool = False
    """it has to be told of the shape of answers, like the mock"""

    def request(self, pair: Pair, *, stream: bool, agent: bool = False) -> bytes:
        """The bytes that ask it for an answer of the mock."""
        model = self.models.get(pair.upstream) or model_of(pair.upstream)
        asked = requests.ask(pair.client, pair.upstream, model, stream=stream, agent=agent)
        return requests.http(f"127.0.0.1:{self.port}", asked)


def direct(mock_port: int) -> Target:
    """The mock, with nothing between."""
    return Target(DIRECT, mock_port, None, same_only)


def named(text: str, pairs: Iterable[Pair]) -> Target:
    """A gateway that runs already, given as ``NAME=URL``; it serves those `pairs` it answers.

    Raises `NotToBeHad` if there is none.
    """
    name, _, url = text.partition("=")
    parts = urlsplit(url)
    if not name or parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost"):
        raise NotToBeHad(f"{text} is not NAME=http://127.0.0.1:PORT")
    port = parts.port or 80
    pid = listener(port)
    watched = Watched(pid) if pid else None
    asked = Target(name, port, watched, every_pair)
    served = frozenset(pair for pair in pairs if _answers(asked, pair))
    if not served:
        raise NotToBeHad(f"{name} answers none of the requests, see `python -m bench --help`")
    return Target(name, port, watched, served.__contains__)


def _answers(target: Target, pair: Pair) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", target.port), _ANSWER_S) as connection:
            connection.sendall(target.request(pair, stream=False))
            return connection.recv(_HEAD_BYTES)[9:12] == b"200"
    except OSError:
        return False


_CONFIG: Final = """\
workers: {workers}
providers:
  - {{type: openai, name: chat, base-url: "{url}/v1", api-key: sk-bench, dialect: [openai_chat],
     models: [{{name: bench-chat, alias: via-openai_chat}}]}}
  - {{type: openai, name: completions, base-url: "{url}/v1", api-key: sk-bench,
     dialect: [openai_completions],
     models: [{{name: bench-completions, alias: via-openai_completions}}]}}
  - {{type: openai, name: responses, base-url: "{url}/v1", api-key: sk-bench,
     dialect: [openai_responses],
     models: [{{name: bench-responses, alias: via-openai_responses}}]}}
  - {{type: anthropic, name: messages, base-url: "{url}", api-key: sk-bench,
     models: [{{name: bench-anthropic, alias: via-anthropic}}]}}
  - {{type: gemini, name: generate, base-url: "{url}", api-key: sk-bench,
     models: [{{name: bench-gemini, alias: via-gemini}}]}}
  - {{type: ollama, name: native, base-url: "{url}",
     models: [{{name: bench-ollama, alias: via-ollama}}]}}
"""


@contextmanager
def llm_mux(
    mock_port: int,
    folder: Path,
    *,
    tree: Path = ROOT,
    name: str = MUX,
    workers: int = 1,
    on: set[int] | None = None,
) -> Generator[Target]:
    """The `llm-mux` of the checkout `tree`, as a user starts it, before the mock."""
    home = folder / name
    home.mkdir(exist_ok=True)
    config = home / "config.yaml"
    url = f"http://127.0.0.1:{mock_port}"
    config.write_text(_CONFIG.format(url=url, workers=workers), encoding="utf-8")
    config.chmod(0o600)
    port = free_port()
    command = [sys.executable, "-m", "mux", "--port", str(port), "--config", str(config)]
    with listening(command, name, port, home, every_pair, folder=tree, on=on) as target:
        yield target


@contextmanager
def listening(
    command: list[str],
    name: str,
    port: int,
    home: Path,
    serves: Serves,
    *,
    folder: Path | None = None,
    on: set[int] | None = None,
    environment: dict[str, str] | None = None,
    patience_s: float = _START_S,
    models: Mapping[str, str] | None = None,
    answers_itself: bool = False,
) -> Generator[Target]:
    """A program on the gateways' core, or `on` others, once it listens on `port`. Its files go into
    `home`.

    Raises `NotToBeHad` with what it wrote if it does not listen.
    """
    log = home / "log"
    homes = {"XDG_CONFIG_HOME": str(home), "HOME": str(home), **(environment or {})}
    gateway_core, _ = cores()
    with program(
        command, on=on or gateway_core, environment=homes, folder=folder or home, log=log
    ) as process:
        if not wait_for_port(port, process, patience_s):
            said = log.read_text(errors="replace")[-400:]
            raise NotToBeHad(f"{name} does not listen: {said}")
        watched = Watched(process.pid)
        yield Target(name, port, watched, serves, models or {}, answers_itself)
