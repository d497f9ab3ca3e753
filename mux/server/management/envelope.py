"""The form of every answer: ``{"data", "meta"}``, or ``{"error": {"code", "message"}}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from mux import __version__
from mux.config import Problem
from mux.ir import JSON, Object
from mux.wire import json


class Code(StrEnum):
    """What went wrong, in words that clients of this API know."""

    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_CONFIG = "INVALID_CONFIG"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    WRITE_FAILED = "WRITE_FAILED"
    RELOAD_FAILED = "RELOAD_FAILED"
    VALIDATION_ERROR = "VALIDATION_ERROR"


class Refused(Exception):
    """A call that is not done. `message` says what to do; no secret is in it."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        problems: Iterable[Problem] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = tuple(problems)
        self.headers = tuple(headers)


def invalid(message: str) -> Refused:
    """The call itself is wrong."""
    return Refused(400, Code.INVALID_REQUEST, message)


def not_found(message: str) -> Refused:
    """There is no such thing."""
    return Refused(404, Code.NOT_FOUND, message)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON of ours."""

    content_type: str
    body: bytes
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Partly:
    """Data of a call that succeeded in part."""

    data: JSON


def success(data: JSON, now_s: float) -> bytes:
    """The body of an answer with `data`."""
    moment = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
    meta: Object = {"timestamp": moment.replace("+00:00", "Z"), "version": __version__}
    return json.dumps({"data": data, "meta": meta})


def failure(refused: Refused) -> bytes:
    """The body of a refusal; all problems are told, each with its path."""
    error: Object = {"code": refused.code, "message": refused.message}
    if refused.problems:
        error["problems"] = [
            {"path": problem.path, "message": problem.message, "place": problem.place}
            for problem in refused.problems
        ]
    return json.dumps({"error": error})
