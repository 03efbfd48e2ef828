import socket
import threading

import click

from producers.discovery import Machine, Offer, by_platform, discoverable, listens, look_around
from producers.source import Where
from tests.producers.machines import empty_machine, source_file


def test_a_port_is_listened_at_or_not():
    """Only whether a connection is accepted is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens("127.0.0.1", port)
    assert not listens("127.0.0.1", port)


def test_every_file_with_a_look_is_found():
    """Files that play recordings or fleets have none, and so has what asks them."""
    found = discoverable()

    assert "dcgm" in found
    assert not {"auto", "replay", "simulated"} & set(found)


def test_answers_come_by_platform_and_preference(tmp_path):
    """However the files are named."""
    candidates = {"a": source_file("tpu", 0), "b": source_file("amd", 1), "c": source_file("amd", 0)}

    assert [offer.name for offer in look_around(candidates, empty_machine(tmp_path))] == ["c", "b", "a"]


def test_a_look_that_breaks_or_hangs_hides_no_other(tmp_path):
    """Its finding says so."""
    let_go = threading.Event()
    broken, hung = source_file("amd", 0), source_file("nvidia", 0)
    broken.look = lambda _machine: 1 / 0
    hung.look = lambda _machine: let_go.wait(60)
    candidates = {"broken": broken, "hung": hung, "well": source_file("tpu", 0)}
    offers = look_around(candidates, empty_machine(tmp_path), within_s=1.0)
    let_go.set()

    says = {offer.name: offer.finding.says for offer in offers}
    assert says["broken"].startswith("the search failed: unexpected ZeroDivisionError: division by zero")
    assert says["hung"] == "the search did not finish within 1 s"
    assert says["well"] == "two chips"
    assert [offer.name for offer in offers if offer.finding.found] == ["well"]


def test_what_is_found_stands_by_its_platform_the_preferred_first(tmp_path):
    """What is missing stands nowhere."""
    candidates = {
        "nvml": source_file("nvidia", 0),
        "dcgm": source_file("nvidia", 1),
        "amd": source_file("amd", 0, here=False),
        "tpu": source_file("tpu", 0, here=False),
        "tpu_gke": source_file("tpu", 1),
    }
    found = by_platform(look_around(candidates, empty_machine(tmp_path)))

    assert {platform: [offer.name for offer in offers] for platform, offers in found.items()} == {
        "nvidia": ["nvml", "dcgm"],
        "tpu": ["tpu_gke"],
    }


def test_it_is_opened_with_its_flags_defaults_and_what_the_look_says():
    """As from the command line, converted and all."""
    flags = (
        click.Option(["--url", "urls"], multiple=True, default=("http://default",)),
        click.Option(["--timeout", "timeout_s"], type=float, default="3"),
        click.Option(["--check"], is_flag=True, expose_value=False),
    )
    module = source_file("nvidia", 0, options=flags, flags={"urls": ["http://found"]})
    source = Offer("dcgm", module, module.look(Machine())).open(Where())

    assert source.flags == {"urls": ["http://found"], "timeout_s": 3.0}
