"""Which addresses may be called, with the standard library and IANA's registries as judges."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.adapters.public_addresses import is_public

NOT_PUBLIC = [
    # This host, loopback, and what a socket takes for it.
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "::", "::1"),
    # Private, carrier-grade NAT, link-local.
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.255", "169.254.0.1", "fc00::1", "fdff::1", "fe80::1", "fec0::1"),
    # Clouds' metadata.
    *("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192"),
    "168.63.129.16",
    # Multicast, broadcast, reserved, documentation, benchmarks.
    *("224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "ff02::1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255"),
    *("2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1"),
    # IPv4 inside of IPv6: mapped, NAT64, 6to4, Teredo, compatible, local NAT64, translated.
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    *("2001:0:5ef5:79fb::1", "::127.0.0.1", "::8.8.8.8", "64:ff9b:1::1", "::ffff:0:8.8.8.8"),
    # A zone of our own; no addresses at all.
    *("fe80::1%eth0", "2606:4700::1111%lo", "", "localhost", "0x7f.1", "2130706433", "127.1"),
    *("0177.0.0.1", "8.8.8.8/32", "8.8.8.8 ", "٨.8.8.8"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "54.231.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255"),
    *("172.32.0.1", "223.255.255.255", "168.63.129.17", "192.0.1.1", "198.17.255.255"),
    *("2606:4700:4700::1111", "2600:1f18::1", "2a05:d018::1", "2001:4860:4860::8888"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808"),
]
# The registries call these global, and no provider keeps a file there.
_ODD_4 = [IPv4Network(text) for text in ("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32")]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_leads_back_or_nowhere_is_not_public(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(text)


def _is_ordinary_4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


@settings(max_examples=120, deadline=None)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_public_when_the_library_finds_nothing_special_about_it(
    address: IPv4Address,
) -> None:
    is_odd = any(address in network for network in _ODD_4)

    assert is_public(str(address)) == (_is_ordinary_4(address) and not is_odd)


@settings(max_examples=120, deadline=None)
@given(st.ip_addresses(v=6))
def test_a_public_ipv6_address_is_one_that_the_library_calls_global(address: IPv6Address) -> None:
    # A mapped IPv4 address counts as that; the next test judges those.
    if address.ipv4_mapped is None and is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@settings(max_examples=80, deadline=None)
@given(st.ip_addresses(v=4), st.integers(0, 2**80 - 1))
def test_what_carries_an_ipv4_address_is_as_public_as_that(address: IPv4Address, rest: int) -> None:
    public = is_public(str(address))

    assert is_public(f"::ffff:{address}") == public
    assert is_public(str(IPv6Address(0x64FF9B << 96 | int(address)))) == public
    assert is_public(str(IPv6Address(0x2002 << 112 | int(address) << 80 | rest))) == public


@settings(max_examples=80, deadline=None)
@given(st.ip_addresses())
def test_an_address_is_judged_alike_however_it_is_written(
    address: IPv4Address | IPv6Address,
) -> None:
    spellings = {str(address), address.exploded, address.compressed, address.exploded.upper()}

    assert {is_public(text) for text in spellings} == {is_public(str(address))}


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40))
def test_text_is_judged_without_raising_and_only_an_address_can_pass(text: str) -> None:
    if is_public(text):
        assert not ip_address(text).is_loopback
