"""
Which IP addresses belong to the public internet, and to nobody in between.

What a name resolves to is a stranger's choice. An address that leads back into our own
network, machine or cloud account must not be called, however it is written.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

# https://www.iana.org/assignments/iana-ipv4-special-registry. Written out, because what the
# standard library calls global has changed between the Pythons that we run on.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, which answers its guests
        "169.254.0.0/16",  # link-local; AWS's and others' metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# https://www.iana.org/assignments/ipv6-unicast-address-assignments: all that is in use. AWS's
# metadata (fd00:ec2::254), link-local, multicast and unspecified addresses lie outside.
_PUBLIC_6 = IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry, as far as it lies inside.
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "3ffe::/16",  # the 6bone, given back
    )
)
# Addresses that only stand for an IPv4 address, and how far from the right it stands in them.
_CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)


def is_public(text: str) -> bool:
    """Whether *text* is an address of the public internet; False for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public_4(address) if isinstance(address, IPv4Address) else _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_4)


def _is_public_6(address: IPv6Address) -> bool:
    for network, shift in _CARRIERS:
        if address in network:
            return _is_public_4(IPv4Address(int(address) >> shift & 0xFFFF_FFFF))
    # A zone ("fe80::1%eth0") names one of our own interfaces.
    if address.scope_id is not None or address not in _PUBLIC_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)
