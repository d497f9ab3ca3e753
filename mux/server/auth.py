"""Client keys: the same four ways to send one for every dialect, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence

from mux.config import client_id
from mux.errors import Unauthorized


def check(keys: Sequence[str], headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The id of the client whose key was sent. Raises `Unauthorized` unless one is in `keys`."""
    accepted = ""
    for offered in _offered(headers, query):
        for key in keys:  # all of them, so that time tells nothing about which one matched
            if hmac.compare_digest(offered.encode(), key.encode()):
                accepted = key
    if not accepted:
        raise Unauthorized(
            "The API key is missing or unknown. Send one of the gateway's `api-keys` as "
            "`Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or `?key=`.",
            code="invalid_api_key",
        )
    return client_id(accepted)


def client_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """A name for the client that holds nothing of its key; empty for one that sends none."""
    key = next(iter(_offered(headers, query)), "")
    return client_id(key) if key else ""


def _offered(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterable[str]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        yield token.strip()
    for value in (headers.get("x-api-key"), headers.get("x-goog-api-key"), query.get("key")):
        if value:
            yield value
