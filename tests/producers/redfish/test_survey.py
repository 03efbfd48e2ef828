"""Which chassis a service has, when some of it cannot be read."""

import threading

import pytest

from producers.redfish.client import Redfish
from producers.redfish.survey import survey
from producers.redfish.transport import ResourceError
from producers.source import SourceError
from tests.producers.redfish_service import ROOT, Service, chassis, link, serving

CHASSIS = f"{ROOT}/Chassis"


@pytest.fixture
def service():
    with serving(Service(*(chassis(name) for name in "ABCDEF"))) as running:
        yield running


@pytest.fixture
def client(service):
    client = Redfish(service.url, timeout_s=60)
    yield client
    client.close()


def names(found):
    return [one.name for one in found.chassis]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429, 500, 503])
def test_a_member_that_cannot_be_read_costs_itself_alone(service, client, status):
    service.broken = {f"{CHASSIS}/A": status, f"{CHASSIS}/D": status}
    found = survey(client)

    assert names(found) == ["B", "C", "E", "F"]
    assert list(found.unread) == [f"{CHASSIS}/A", f"{CHASSIS}/D"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"Id": "A'])
def test_a_member_that_is_garbage_costs_itself_alone(service, client, body):
    def respond(handler):
        if handler.path == f"{CHASSIS}/A":
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        else:
            service.answer(handler, 200, service.resources[handler.path])

    service.respond = respond

    assert names(survey(client)) == ["B", "C", "D", "E", "F"]


def test_one_that_is_meant_needs_no_other(service, client):
    """By the last name of its link mostly; else all are asked until it is found."""
    service.broken = dict.fromkeys((f"{CHASSIS}/{name}" for name in "ABCEF"), 500)

    assert names(survey(client, ["D", "D"])) == ["D"]
    assert service.asked("GET") == [CHASSIS, f"{CHASSIS}/D"]
    service.broken = {f"{CHASSIS}/A": 500}
    service.resources[f"{CHASSIS}/E"]["Id"] = "Self"
    assert names(survey(client, ["Self"])) == ["B", "C", "D", "Self"]


def test_the_collection_is_where_the_root_says(service, client):
    """Where the usual place has none; or, where that says nothing, with a slash at its end."""
    elsewhere = f"{ROOT}/Enclosures/"
    service.resources[elsewhere] = service.resources.pop(CHASSIS)
    with pytest.raises(ResourceError, match=r"has no /redfish/v1/Chassis$"):
        survey(client)
    service.resources[f"{ROOT}/"] = {"Chassis": link(elsewhere)}
    assert names(survey(client)) == list("ABCDEF")
    del service.resources[f"{ROOT}/"]
    service.resources[f"{CHASSIS}/"] = service.resources.pop(elsewhere)

    assert names(survey(client)) == list("ABCDEF")


def test_a_page_that_cannot_be_read_costs_the_pages_after_it(service, client):
    members = service.resources[CHASSIS]["Members"]
    service.resources[CHASSIS] = {"Members": members[:2], "Members@odata.nextLink": f"{CHASSIS}?$skip=2"}
    found = survey(client)

    assert names(found) == ["A", "B"]
    assert list(found.unread) == [f"{CHASSIS}?$skip=2"]


def test_a_service_that_cannot_be_asked_has_no_survey(service, client):
    service.broken = {CHASSIS: 503}
    with pytest.raises(SourceError, match="/redfish/v1/Chassis answered 503"):
        survey(client)


def test_members_that_hang_are_left_alone_and_come_last_the_next_time(service):
    """After three of them no more are asked for; the next survey begins with the others."""
    hang, done = [f"{CHASSIS}/{name}" for name in "ABCD"], threading.Event()

    def respond(handler):
        if handler.path in hang:
            done.wait(60)
            handler.close_connection = True
        else:
            service.answer(handler, 200, service.resources[handler.path])

    service.respond = respond
    client = Redfish(service.url, timeout_s=1.0)
    first = survey(client)
    second = survey(client, slow=first.slow)
    done.set()
    client.close()

    assert (names(first), first.slow, first.enough) == ([], hang[:3], True)
    assert first.unread[f"{CHASSIS}/E"].what == "was not requested, because other requests timed out"
    assert names(second) == ["E", "F"]
