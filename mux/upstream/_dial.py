"""New connections: name lookup, TCP and TLS, with failures told in words a user can act on."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Final, cast

import trio

from mux.config.metadata import is_metadata
from mux.errors import Offline, UpstreamUnreachable
from mux.upstream._address import Origin
from mux.upstream._connection import Connection
from mux.upstream._tcp import TcpStream
from mux.upstream._tls import TlsStream

_OURS: Final = frozenset(
    {
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EADDRNOTAVAIL),
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
    }
)


async def dial(
    origin: Origin,
    context: ssl.SSLContext | None,
    timeout_s: float,
    session: ssl.SSLSession | None = None,
) -> Connection:
    """A new connection, encrypted if there is a `context`.

    Small writes go out at once (trio switches Nagle's algorithm off), and of several addresses each
    has a quarter of a second's lead over the next (trio again). Raises `UpstreamUnreachable`.
    """
    try:
        with trio.fail_after(timeout_s):
            stream = await trio.open_tcp_stream(origin.host, origin.port)
            try:
                _check(stream.socket, origin)
                _keep_alive(stream.socket)
            except BaseException:
                stream.socket.close()
                raise
            tcp = TcpStream(stream)
            if context is None:
                return Connection(origin, tcp)
            tls = TlsStream(tcp, context, origin.host, session)
            return Connection(origin, tcp, await _agreed(tls, tcp))
    except trio.TooSlowError:
        reason = f"no connection within {timeout_s:g} s; check the network, firewall and proxy-url"
    except (ssl.SSLError, trio.BrokenResourceError) as error:
        reason = _tls_reason(error)
    except OSError as error:
        cause = _cause(error)
        reason = _tcp_reason(cause)
        if _is_ours(cause):
            raise Offline(f"cannot connect to {origin}: {reason}") from None
    raise UpstreamUnreachable(f"cannot connect to {origin}: {reason}")


def _check(sock: trio.socket.SocketType, origin: Origin) -> None:
    """Raise `UpstreamUnreachable` for an address that no name in a configuration may lead to, in
    whatever way it is written."""
    if is_metadata(sock.getpeername()[0]):
        raise UpstreamUnreachable(
            f"{origin} leads to where a cloud keeps this machine's credentials; check the base-url"
        )


async def _agreed(tls: TlsStream, tcp: TcpStream) -> TlsStream:
    try:
        await tls.handshake()
    except BaseException:  # cancellation too: the socket has no other owner yet
        tcp.close()
        raise
    return tls


def _keep_alive(sock: trio.socket.SocketType) -> None:
    """Probe the peer through silences of a minute, in which a model thinks and routers forget."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)


def _cause(error: OSError) -> BaseException:
    cause = error.__cause__
    if isinstance(cause, ExceptionGroup):  # one failure for each address, mostly IPv4 last
        return cast("ExceptionGroup[OSError]", cause).exceptions[-1]
    return error


def _is_ours(error: BaseException) -> bool:
    """Whether it is this machine that has no network, or nothing left to connect with."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, OSError) and error.errno in _OURS


def _tcp_reason(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve; check the base-url and this machine's DNS"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; check the base-url and that the server runs"
    number = error.errno if isinstance(error, OSError) else None
    words = os.strerror(number) if number else "the connection failed"
    return f"{words}; check the network and proxy-url"


def _tls_reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); "
            "a private authority can be named in SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError) and error.reason:
        words = error.reason.lower().replace("_", " ")
        return f"TLS failed ({words}); check that the port speaks https"
    return "the connection was closed during the TLS handshake; check that the port speaks https"
