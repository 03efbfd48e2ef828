"""Addresses of services and resources."""

import pytest

from producers.redfish.address import base_url, path_of, place_of, redirected, service_at
from schema.errors import GigawattError


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("10.0.0.7", "https://10.0.0.7"),
        ("https://bmc.example:8443/", "https://bmc.example:8443"),
        ("http://[::1]:8000/redfish/v1/", "http://[::1]:8000"),
    ],
)
def test_an_address_is_scheme_host_and_port(url, base):
    assert base_url(url) == base


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://me:secret@bmc", "^remove user and password"),
        ("ftp://me:secret@bmc:port", "^remove user and password"),
        ("me:se/cret@bmc", "^remove user and password"),
        ("https://bmc/redfish/v1/Chassis/1", "use the address of the service alone, such as https://bmc"),
        ("ftp://bmc", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https://bmc:port", "not a URL"),
    ],
)
def test_a_wrong_address_is_a_mistake(url, message):
    with pytest.raises(GigawattError, match=message):
        base_url(url)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/redfish/v1/Chassis/1", "/redfish/v1/Chassis/1"),
        ("/redfish/v1/Chassis/1/Power#/PowerControl/0", "/redfish/v1/Chassis/1/Power"),
        ("https://elsewhere/redfish/v1/Chassis?$skip=50", "/redfish/v1/Chassis?$skip=50"),
        ("//elsewhere/x", "/x"),
        ("relative", None),
        ("/a b", None),
        ("/a\r\nHost: elsewhere", None),
        ("http://[", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_link_stays_on_the_service(reference, path):
    """Whatever a service says, what is asked next is a path of that service."""
    assert path_of(reference) == path


def test_a_link_is_taken_as_it_is_given():
    """It may be good with the slash at its end alone, or without it; what it names is the same place."""
    assert path_of("/redfish/v1/Chassis/1/") == "/redfish/v1/Chassis/1/"
    assert place_of("/redfish/v1/Chassis/A%20B/") == place_of("/redfish/v1/Chassis/A B")


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/x/", "/x/"),
        ("b/", "/redfish/b/"),
        ("?a=1", "/redfish/a?a=1"),
        ("//bmc/x", "/x"),
        ("https://BMC:443/x", "/x"),
        ("https://me:secret@bmc/x", "/x"),
        ("http://bmc/x", None),
        ("https://bmc:8443/x", None),
        ("https://bmc.elsewhere/x", None),
        ("https://bmc:port/x", None),
        ("http://[", None),
        ("", None),
        (None, None),
    ],
)
def test_a_redirect_leads_somewhere_on_the_same_service_or_nowhere(location, path):
    assert redirected("https://bmc/redfish/a", location) == path


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("https://me:secret@other:8443/redfish/v1/Chassis?ticket=1", "https://other:8443"),
        ("//other/x", "https://other"),
        ("mailto:me", None),
        ("https://other:port", None),
        (None, None),
    ],
)
def test_another_service_is_named_as_the_flag_takes_it(location, address):
    assert service_at("https://bmc/redfish/a", location) == address
