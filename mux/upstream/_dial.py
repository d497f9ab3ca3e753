"""New connections: name lookup, TCP and TLS, with failures told in words a user can act on."""

from __future__ import annotations

import os
import socket
import ssl
from typing import cast

import trio

from mux.errors import UpstreamUnreachable
from mux.upstream._address import Origin
from mux.upstream._connection import Connection
from mux.upstream._tcp import TcpStream
from mux.upstream._tls import TlsStream


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
            _keep_alive(stream.socket)
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
        reason = _tcp_reason(error)
    raise UpstreamUnreachable(f"cannot connect to {origin}: {reason}")


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


def _tcp_reason(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, ExceptionGroup):  # one failure for each address, mostly IPv4 last
        error = cast("ExceptionGroup[OSError]", cause).exceptions[-1]
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
