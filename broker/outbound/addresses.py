"""Which addresses are out in the world, by the IANA registries of special-purpose addresses (RFC 6890).

Written down here instead of asking ``ipaddress.is_global``, whose answers differ between Python's patch releases.
"""

from ipaddress import IPv4Address, ip_address, ip_network

_SPECIAL_V4 = [
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
]
#: Everything given out so far. What wraps an IPv4 address (mapped, NAT64), loopback and private ones lie outside.
_GIVEN_OUT_V6 = ip_network("2000::/3")
#: Protocols, Teredo among them; documentation; 6to4; documentation again.
_SPECIAL_V6 = [ip_network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]


def is_public(text: str) -> bool:
    """Whether this IPv4 or IPv6 address belongs to somebody on the internet. Raises ``ValueError`` for no address."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _GIVEN_OUT_V6 and not any(address in network for network in _SPECIAL_V6)
