"""Where a process serves what it tells of itself."""

import pytest

from schema.address import Address, address_of
from schema.errors import GigawattError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9810", Address("127.0.0.1", 9810)),
        ("0.0.0.0:9810", Address("0.0.0.0", 9810)),  # noqa: S104  who asks for it
        ("node-7.example:9810", Address("node-7.example", 9810)),
        ("[::1]:9810", Address("::1", 9810)),
        ("off", None),
    ],
)
def test_a_bare_port_is_of_this_machine_alone(text, address):
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text", ["", "on", ":9810", "node", "node:", "node:65536", "::1:9810", "http://node:9810", "9810\n"]
)
def test_anything_else_is_no_address(text):
    with pytest.raises(GigawattError, match="write HOST:PORT, PORT for loopback only, or off"):
        address_of(text)


def test_an_address_stands_in_a_url():
    assert f"http://{Address('::1', 80)} http://{Address('node', 80)}" == "http://[::1]:80 http://node:80"
