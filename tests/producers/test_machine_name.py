"""Whether the name of this machine lasts."""

import pytest

from producers.machine_name import in_container


def test_a_machine_is_no_container(tmp_path):
    assert not in_container(tmp_path, {})


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_docker_and_podman_mark_their_containers(tmp_path, mark):
    (tmp_path / "run").mkdir()
    (tmp_path / mark).touch()

    assert in_container(tmp_path, {})


def test_a_pod_knows_the_address_of_its_cluster(tmp_path):
    assert in_container(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
