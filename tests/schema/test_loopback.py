import pytest

from schema.loopback import foreign, is_loopback


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


def test_a_link_may_lead_here_where_links_may():
    """A page sees nothing of what its link leads to."""
    link = {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert foreign(link | {"Sec-Fetch-Dest": "document"}, links=True) == ""
    assert foreign(link | {"Sec-Fetch-Dest": "document"}) != ""
    assert foreign(link | {"Sec-Fetch-Dest": "iframe"}, links=True) != ""
    assert foreign(link | {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, links=True) != ""
