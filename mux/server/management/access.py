"""Who may manage: this machine with the key, others with the key where that is allowed.

The peer is the socket's; what a request says of itself by forwarded-for headers is never believed.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import trio

from mux.config import ConfigError, Secret, Settings, management_key
from mux.config.source import Source
from mux.errors import Forbidden
from mux.server.asgi import Inbound
from mux.server.management.envelope import Code, Refused, not_found
from mux.server.origin import Doorkeeper, is_local_page, preflight, shared_with
from mux.server.peer import Peer

WRONG_KEYS: Final = 5
LOCKED_S: Final = 1800.0
_PEERS: Final = 10_000

_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
_log: Final = logging.getLogger("mux.management")


@dataclass(slots=True)
class _Wrong:
    count: int
    until_s: float


class Lockout:
    """Wrong keys by address. Bounded: the longest silent are forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()

    def remaining_s(self, peer: str) -> float:
        """For how much longer `peer` is locked out; 0 if it is not."""
        wrong = self._wrong.get(peer)
        if wrong is None or wrong.count < WRONG_KEYS:
            return 0.0
        return max(wrong.until_s - self._clock(), 0.0)

    def failed(self, peer: str) -> None:
        """`peer` has sent a wrong key."""
        now_s = self._clock()
        wrong = self._wrong.pop(peer, None)
        if wrong is None or wrong.until_s <= now_s:
            wrong = _Wrong(0, 0.0)
        wrong.count += 1
        wrong.until_s = now_s + LOCKED_S
        self._wrong[peer] = wrong
        while len(self._wrong) > _PEERS:
            self._wrong.popitem(last=False)

    def succeeded(self, peer: str) -> None:
        """`peer` has sent the key."""
        self._wrong.pop(peer, None)


class Access:
    """Decides about every call before its body is read. One per process."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lockout = Lockout(trio.current_time)  # which nobody can set

    def check(self, inbound: Inbound, host: str, settings: Settings) -> None:
        """Raise `Refused` unless the call, which came from the address `host`, may be made."""
        key = self._check_way(inbound, host, settings)
        peer = Peer.of(host).name
        if (wait_s := self._lockout.remaining_s(peer)) > 0:
            wait = str(math.ceil(wait_s))
            text = f"Too many wrong keys from this address; try again in {wait} seconds"
            raise Refused(403, Code.FORBIDDEN, text, headers=[("retry-after", wait)])
        offered = _offered(inbound.headers)
        if Secret(offered) == key:
            self._lockout.succeeded(peer)
            return
        if offered:
            self._lockout.failed(peer)
            _log.warning("a wrong management key from %s", peer)
        text = "The management key is missing or wrong; send it as X-Management-Key"
        challenge = [("www-authenticate", "Bearer")]
        raise Refused(401, Code.UNAUTHORIZED, text, headers=challenge)

    def preflight(
        self, inbound: Inbound, host: str, settings: Settings
    ) -> list[tuple[str, str]] | None:
        """What to tell a browser whose page asks whether it may call; it cannot send the key yet.

        None if this is no such question of a page that may. Raises `Refused` as `check` does.
        """
        allowed = preflight(inbound, _METHODS) if page_headers(inbound, settings) else None
        if allowed is not None:
            self._check_way(inbound, host, settings)
        return allowed

    def _check_way(self, inbound: Inbound, host: str, settings: Settings) -> Secret:
        """The key that is wanted. Raises `Refused` for whom no key would help."""
        key = self._key()
        if key is None:
            raise not_found("No management key is configured; `llm-mux init` makes one")
        try:
            Doorkeeper(settings).check_host(inbound)
        except Forbidden as error:
            raise Refused(403, Code.FORBIDDEN, error.message) from None
        _check_page(inbound)
        if not Peer.of(host).local and not settings.remote_management.allow_remote:
            text = "Other machines may not manage this server; see remote-management.allow-remote"
            raise Refused(403, Code.FORBIDDEN, text)
        return key

    def _key(self) -> Secret | None:
        try:
            return management_key.find(self._source.home, self._source.environ)
        except ConfigError as error:
            _log.error("%s", error)
            return None


def page_headers(inbound: Inbound, settings: Settings) -> list[tuple[str, str]]:
    """What lets a page of this machine that is listed read the answer; nothing for others."""
    origin = inbound.headers.get("origin", "")
    listed = origin in settings.allowed_origins and is_local_page(origin)
    return shared_with(origin) if listed else []


def _check_page(inbound: Inbound) -> None:
    """Refuse web pages of other sites: only those of this machine, or of this server itself."""
    origin = inbound.headers.get("origin")
    own = f"://{inbound.headers.get('host', '')}"
    foreign = origin is not None and not is_local_page(origin) and not origin.endswith(own)
    if foreign or inbound.headers.get("sec-fetch-site") == "cross-site":
        raise Refused(403, Code.FORBIDDEN, "Web pages of other sites may not manage this server")


def _offered(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return headers.get("x-management-key", "").strip() or bearer
