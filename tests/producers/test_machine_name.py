"""Whether the name of this machine lasts."""

import pytest

from producers.machine_name import in_container, place


def test_a_machine_is_no_container(tmp_path):
    assert not in_container(tmp_path, {})


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_docker_and_podman_mark_their_containers(tmp_path, mark):
    (tmp_path / "run").mkdir()
    (tmp_path / mark).touch()

    assert in_container(tmp_path, {})


def test_a_pod_knows_the_address_of_its_cluster(tmp_path):
    assert in_container(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://node/metrics", ":80"),
        ("https://node/metrics", ":443"),
        ("http://node:9400/metrics", ":9400"),
        ("http://node:9400/a/metrics/", ":9400/a/metrics"),
    ],
)
def test_pages_at_one_address_are_told_apart_by_port_and_path(url, own):
    assert place(url) == own
