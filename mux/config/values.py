"""Values that are more than a word or a number: sizes, durations, addresses.

Each reads itself from the text a person wrote, with `parse`, and says what is wrong with it.
"""

from __future__ import annotations

import re
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from mux.config.metadata import is_metadata
from mux.config.secret import Secret

_NUMBER_AND_UNIT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_BYTES: Final = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("kmgt", 1)
    for suffix, base in (("", 1000), ("b", 1000), ("ib", 1024))
}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HOST_NAME: Final = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
_WEB_ORIGIN: Final = re.compile(rf"[a-z][a-z0-9+.-]*://{_HOST_NAME.pattern}")
_PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")


class Size(int):
    """A number of bytes. ``50 MB`` is 50,000,000 of them and ``50 MiB`` 52,428,800."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The size written as `text`; a number alone is in bytes. Raises `ValueError`."""
        match = _NUMBER_AND_UNIT.fullmatch(text.strip())
        factor = _BYTES.get(match[2].lower()) if match else None
        if match is None or factor is None:
            raise ValueError("expected a size such as 50 MB")
        size = int(float(match[1]) * factor)
        if not size:
            raise ValueError("must be more than nothing")
        return cls(size)


class Seconds(float):
    """A length of time in seconds."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The duration written as `text`: ``5s``, ``1m30s``, or a number of seconds.

        Raises `ValueError`.
        """
        text = text.strip().replace(" ", "")
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return cls(text)
        if not _DURATION.fullmatch(text):
            raise ValueError("expected a duration such as 5s, 1m30s or 300")
        pieces = _DURATION_PIECE.findall(text)
        return cls(sum(float(number) * _SECONDS[unit] for number, unit in pieces))


class HttpUrl(str):
    """An http or https address without credentials, query or fragment, and no slash at its end."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address written as `text`. Raises `ValueError`."""
        text = text.strip()
        if not text:
            return cls()
        parts = _split(text)
        if parts.scheme not in ("http", "https"):
            raise ValueError("must begin with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold a user name or password; use api-key or headers")
        if parts.query or parts.fragment:
            raise ValueError("must not hold a query or fragment")
        if is_metadata(parts.hostname or ""):
            raise ValueError("is where a cloud keeps this machine's credentials, and no model")
        return cls(text.rstrip("/"))

    @property
    def host(self) -> str:
        """The host name, in lower case and without brackets."""
        return urlsplit(self).hostname or ""

    @property
    def port(self) -> int:
        """The port, given or implied."""
        parts = urlsplit(self)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def loopback(self) -> bool:
        """Whether it is an address of this machine."""
        return is_loopback(self.host)


class HostName(str):
    """A name clients call a server by, in lower case: ``name``, or ``name:port`` for that port."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name written as `text`. Raises `ValueError`."""
        name = text.strip().lower()
        if not _HOST_NAME.fullmatch(name):
            raise ValueError("expected a host name such as mux.example.com, or name:port")
        return cls(name)


class WebOrigin(str):
    """Where web pages come from, as browsers write it: scheme, host and port, and nothing else."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The origin written as `text`. Raises `ValueError`."""
        origin = text.strip().lower().rstrip("/")
        if not _WEB_ORIGIN.fullmatch(origin):
            raise ValueError("expected an origin such as https://app.example.com; there is no *")
        return cls(origin)


class ProxyUrl(Secret):
    """The address of an outbound proxy; it may hold a password, and so is never shown whole."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The proxy written as `text`. Raises `ValueError`."""
        text = text.strip()
        if text and _split(text).scheme not in _PROXY_SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(_PROXY_SCHEMES)} and ://")
        return cls(text)

    def __str__(self) -> str:
        parts = urlsplit(self._value)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if self._value else ""


def _split(text: str) -> SplitResult:
    if any(char <= " " or char == "\x7f" for char in text):
        raise ValueError("must not hold spaces or control characters")
    try:
        parts = urlsplit(text)
        if parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # its words would quote the address
        pass
    raise ValueError("is not an address such as https://host:port/path")


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine alone."""
    host = host.strip("[]").lower()
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
