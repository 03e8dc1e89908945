"""Which addresses are out on the internet."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.steps.base import HttpPolicy
from functions.shared.steps.network import is_allowed_private, is_public


@pytest.mark.parametrize(
    "text",
    ["93.184.216.34", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255",
     "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808",
     "2002:808:808::1"],
)  # fmt: skip
def test_public_addresses_are_reached(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "168.63.129.16",
     "::ffff:168.63.129.16", "169.254.169.254", "172.16.0.1",
     "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.7",
     "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
     "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
     "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
     "2001::1", "2001:0:5ef5:79fb::1", "2001:db8::1", "3fff::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1",
     "fec0::1", "ff02::1", "5f00::1"],
)  # fmt: skip
def test_everything_else_is_not(text: str) -> None:
    assert not is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_ipv6(address: IPv4Address) -> None:
    number = int(address)
    mapped = ip_address((0xFFFF << 32) | number)
    translated = ip_address((0x0064_FF9B << 96) | number)
    tunnelled = ip_address((0x2002 << 112) | (number << 80))
    assert {is_public(each) for each in (mapped, translated, tunnelled)} == {is_public(address)}


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_public_here(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(address)


@pytest.mark.parametrize(
    ("listed", "host", "port", "expected"),
    [
        ("shop.internal", "shop.internal", 80, True),
        ("shop.internal", "SHOP.internal.", 443, True),
        ("Shop.Internal:8080", "shop.internal", 8080, True),
        ("SHOP.internal", "shop.internal", 80, True),
        ("shop.internal:8080", "shop.internal", 8080, True),
        ("shop.internal:8080", "shop.internal", 80, False),
        ("shop.internal", "evil-shop.internal", 80, False),
        ("internal", "shop.internal", 80, False),
        ("[::1]:8080", "::1", 8080, True),
        ("::1", "[::1]", 80, True),
        ("127.0.0.1", "2130706433", 80, False),
    ],
)
def test_the_list_of_allowed_hosts_is_exact(listed: str, host: str, port: int, expected: bool) -> None:
    assert is_allowed_private(host, port, HttpPolicy(allow_private=frozenset({listed}))) is expected
