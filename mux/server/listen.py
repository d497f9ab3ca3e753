"""The sockets clients connect to, and the certificate they are shown."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_BACKLOG: Final = 1024


class BindError(Exception):
    """The server cannot be reached at the address, or with the certificate, it was given.

    The message is for the operator and says what to do.
    """


def listen(host: str, port: int) -> tuple[socket.socket, ...]:
    """Sockets that listen at `port` on all addresses of `host`; 0 = any free port.

    Raises `BindError`.
    """
    listeners: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            listeners.append(_listener(family, kind, protocol, address))
    except OSError as error:
        close(listeners)
        raise BindError(f"cannot listen on {host}:{port}: {_reason(error)}") from None
    return tuple(listeners)


def _listener(family: int, kind: int, protocol: int, address: object) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def close(listeners: Sequence[socket.socket]) -> None:
    """Accept no more connections."""
    for listener in listeners:
        listener.close()


def url(scheme: str, listener: socket.socket) -> str:
    """The address of `listener` as clients write it."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def server_tls(certfile: Path, keyfile: Path | None = None) -> ssl.SSLContext:
    """What encrypts the connections of clients. Raises `BindError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certfile, keyfile)
    except OSError as error:
        reason = error.strerror
        if isinstance(error, ssl.SSLError):
            reason = "they are not a certificate and its key in PEM form"
        raise BindError(
            f"cannot use the TLS certificate {certfile} with the key {keyfile or certfile}: "
            f"{reason}; check tls.cert and tls.key"
        ) from None
    return context


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses the port; stop it or choose another port"
    if error.errno == errno.EACCES:
        return "not allowed; choose a port over 1023"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine does not have that address; check host"
    return error.strerror or str(error)
