import pytest

from schema.loopback import foreign, is_loopback, is_one_of


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "localhost", "LocalHost:8123", "[::1]:8080", "::1", "http://127.0.0.1:8080", "https://localhost"],
)
def test_names_of_this_machine(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::1].evil.example", "localhost."),
        *("127.0.0.1@evil.example", "evil.example#localhost", "http://localhost@evil.example", "127.0.0.1:99999999"),
        *(
            "2130706433",
            "127.1",
            "0.0.0.0",  # noqa: S104  a name to be refused, which nothing listens on
            "null",
            "localhost:8123\n",
            "ftp://localhost",
            "http://evil.example/localhost",
        ),
    ],
)
def test_names_of_somewhere_else(address):
    """Only spellings that browsers write for this machine count."""
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Host": "localhost:1"}, True),
        ({"Host": "localhost:1", "Sec-Fetch-Site": "none"}, True),
        ({"Host": "localhost:1", "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:1"}, True),
        ({}, False),
        ({"Host": "evil.example"}, False),
        ({"Host": "localhost:1", "Origin": "http://evil.example"}, False),
        ({"Host": "localhost:1", "Origin": "null"}, False),
        ({"Host": "localhost:1", "Sec-Fetch-Site": "same-site"}, False),
        ({"Host": "localhost:1", "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_a_request_of_another_page_is_foreign(headers, own):
    assert (foreign(headers) == "") is own


NAMES = frozenset({"10.0.0.5", "store.example", "*.racks.example", "2001:db8::1"})


@pytest.mark.parametrize(
    ("address", "own"),
    [
        *((name, True) for name in ("10.0.0.5:8123", "store.example", "Store.Example:1", "a.racks.example")),
        *((name, True) for name in ("[2001:db8::1]", "[2001:DB8::1]:8123")),
        *(
            (name, False)
            for name in ("", "10.0.0.6", "a.store.example", "store.example.", "store.example.evil.example")
        ),
        *((name, False) for name in ("a.b.racks.example", "racks.example", "*.racks.example:x", "store.example@evil")),
        *((name, False) for name in ("2001:db8::1", "[store.example]", "store.example:1\n", "example")),
    ],
)
def test_a_server_of_other_machines_has_the_names_of_its_certificate(address, own):
    """A star stands for one part of a name."""
    assert is_one_of(address, NAMES) is own
    assert (foreign({"Host": address}, names=NAMES) == "") is own
    assert foreign({"Host": address, "Origin": "https://evil.example"}, names=NAMES)
    assert foreign({"Host": address, "Sec-Fetch-Site": "cross-site"}, names=NAMES)


def test_a_link_may_lead_here_where_links_may():
    """A page sees nothing of what its link leads to."""
    link = {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert foreign(link | {"Sec-Fetch-Dest": "document"}, links=True) == ""
    assert foreign(link | {"Sec-Fetch-Dest": "document"}) != ""
    assert foreign(link | {"Sec-Fetch-Dest": "iframe"}, links=True) != ""
    assert foreign(link | {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, links=True) != ""
