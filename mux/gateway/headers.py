"""Which headers go through, and which we add (translation spec sections 2 and 28)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from mux.errors import ErrorKind, MuxError
from mux.ir import Loss
from mux.ir.loss import header as warnings_header

STREAM: Final = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))

_OPENAI: Final = frozenset({"openai_chat", "openai_completions", "openai_responses"})
_REQUEST_ID: Final = ("x-request-id", "request-id")
_PERMANENT: Final = frozenset({ErrorKind.UPSTREAM_AUTH, ErrorKind.QUOTA})
_NATIVE_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-", "openai-", "anthropic-")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_NATIVE_NAMES: Final = frozenset({"retry-after", "retry-after-ms", "x-should-retry"})


def to_upstream(
    headers: Mapping[str, str], dialect: str, *, own: bool, native: bool
) -> dict[str, str]:
    """The client's headers an upstream of `dialect` may see.

    `own`: the client speaks that dialect too; `native`: its very bytes pass through. Nothing of the
    client's own credentials, account or connection goes anywhere.
    """
    kept: dict[str, str] = {}
    if native and "user-agent" in headers:
        kept["user-agent"] = headers["user-agent"]
    if own and dialect == "anthropic":
        kept |= {name: value for name, value in headers.items() if name.startswith("anthropic-")}
    return kept


def to_client(
    upstream: Mapping[str, str],
    *,
    provider: str,
    model: str,
    native: bool,
    losses: Iterable[Loss] = (),
) -> list[tuple[str, str]]:
    """What an answer's head says beside its content type."""
    out = [("x-mux-provider", provider), ("x-mux-model", _printable(model))]
    upstream_id = next((upstream[name] for name in _REQUEST_ID if name in upstream), "")
    if upstream_id:
        out.append(("x-mux-upstream-request-id", _printable(upstream_id)))
    if warnings := warnings_header(losses):
        out.append(("x-mux-warnings", _printable(warnings)))
    if native:
        out += [
            (name, _printable(value))
            for name, value in upstream.items()
            if name in _NATIVE_NAMES or name.startswith(_NATIVE_PREFIXES)
        ]
    return out


def of_error(error: MuxError, dialect: str) -> list[tuple[str, str]]:
    """What an error's head says about trying again."""
    out: list[tuple[str, str]] = []
    if error.retry_after_s is not None:
        out.append(("retry-after", str(max(1, -int(-error.retry_after_s // 1)))))
        if dialect in _OPENAI:
            out.append(("retry-after-ms", str(max(1, round(error.retry_after_s * 1000)))))
    if error.kind in _PERMANENT:
        out.append(("x-should-retry", "false"))
    return out


def _printable(value: str) -> str:
    """`value` as a header may carry it: visible ASCII, nothing that could end the line."""
    return _UNPRINTABLE.sub("?", value)[:1024]
