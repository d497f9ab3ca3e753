"""Who is at the other end of a connection, as its socket tells."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple, Self


class Peer(NamedTuple):
    """Another machine, or this one; `name` is what it is counted under."""

    name: str
    local: bool

    @classmethod
    def of(cls, host: str) -> Self:
        """Whose address `host` is. Forwarded-for headers have no say in it."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:  # no socket of the internet
            return cls(host, local=False)
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            elif not address.is_loopback:  # one machine has a whole network of them
                return cls(str(ip_network((address, 64), strict=False)), local=False)
        return cls(str(address), local=address.is_loopback)
