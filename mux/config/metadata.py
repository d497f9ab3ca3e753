"""The addresses at which clouds keep the credentials of a machine."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_NAMES: Final = frozenset({"metadata", "metadata.google.internal", "instance-data"})
_NETWORKS: Final = tuple(
    map(
        ip_network,
        (
            "169.254.169.0/24",  # nearly all of them
            "169.254.170.0/24",  # containers at Amazon
            "fd00:ec2::/32",
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
        ),
    )
)
"""Other link-local addresses may be asked: two machines joined by a cable have them."""


def is_metadata(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, gives credentials to who asks."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host.rstrip(".").lower() in _NAMES
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _NETWORKS)
