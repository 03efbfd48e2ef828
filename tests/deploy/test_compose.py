"""docker-compose.yml says what the images know, and its parts fit each other. No container engine is needed."""

import json
import re
import stat

import pytest
import yaml

from schema.settings import Settings
from tests.deploy.compose import (
    CHECKOUT,
    addresses,
    environment,
    published,
    services,
    set_by_the_operator,
    text,
)

# Of each image: which variables it reads, and where that is written.
KNOWN = {
    "apache/kafka": {
        "CLUSTER_ID": "apache/kafka docker/resources/common-scripts/configure: it ends without",
        # KAFKA_A_B becomes the property a.b: core/src/main/scala/kafka/docker/KafkaDockerWrapper.scala. Which there
        # are, the broker itself is asked in test_compose_kafka.py.
        "KAFKA_*": "",
    },
    "clickhouse/clickhouse-server": {
        "CLICKHOUSE_PASSWORD": "ClickHouse/ClickHouse docker/server/entrypoint.sh: of the user `default`",
        "TZ": "docker/server/Dockerfile.ubuntu",
    },
    "grafana/grafana": {
        # GF_SECTION_KEY is the setting of conf/defaults.ini.
        "GF_PLUGINS_PREINSTALL_SYNC": "pkg/setting/setting_plugins.go: [plugins] preinstall_sync, from 12.1 on",
        "GF_SECURITY_ADMIN_PASSWORD": "conf/defaults.ini: [security] admin_password",
    },
    "gigawatt": {f"GIGAWATT_{name.upper()}": "schema/settings.py" for name in vars(Settings())},
}
# Where a fresh named volume is owned by the image's user: VOLUME or chown in its Dockerfile.
OWNED = {
    "apache/kafka": {"/var/lib/kafka/data", "/etc/kafka/secrets", "/mnt/shared/config"},
    "clickhouse/clickhouse-server": {"/var/lib/clickhouse"},
    "grafana/grafana": {"/var/lib/grafana"},
}
# What a health check may run: the image's Dockerfile installs it.
RUNS = {
    "apache/kafka": {"/opt/kafka/bin/kafka-broker-api-versions.sh"},
    "clickhouse/clickhouse-server": {"wget"},
    "gigawatt": {"python3"},
}
SERVICES = services()
LASTING = sorted(set(SERVICES) - {"migrate"})


def image(service):
    """Return an image's name and its tag."""
    name, _, tag = SERVICES[service]["image"].partition(":")
    return name, tag


def mounts(service):
    """Return source, target and mode of each volume."""
    return [tuple(f"{one}:".split(":")[:3]) for one in SERVICES[service].get("volumes", ())]


def mounted_text(service):
    """Return what stands in the files that a service is given."""
    sources = [CHECKOUT / source for source, _, _ in mounts(service) if source.startswith("./")]
    return "\n".join(
        file.read_text("utf-8") for one in sources for file in (sorted(one.iterdir()) if one.is_dir() else [one])
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_one_that_the_image_or_a_mounted_file_reads(service):
    read = set(KNOWN[image(service)[0]])
    in_files = set(re.findall(r"\$\{?(GIGAWATT_\w+)|from_env=\"(\w+)\"", mounted_text(service)))
    ours = {name for pair in in_files for name in pair if name}

    asked = {"KAFKA_*" if name.startswith("KAFKA_") else name for name in environment(service)}
    assert asked <= read | ours
    assert ours <= asked, "a file names a variable that the service is not given"
    assert all(isinstance(value, str) for value in environment(service).values()), "YAML made a number of it"


def test_variables_of_the_operator_are_named_at_the_top():
    head = text().partition("\nname:")[0]

    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", head)) == {
        name for name in set_by_the_operator() if "PASSWORD" in name
    }


def test_the_servers_are_given_the_passwords_that_clients_use():
    (owner,) = {environment(name)["GIGAWATT_CLICKHOUSE"] for name in ("migrate", "worker")}
    user, password, host, port = re.fullmatch(r"http://(\w+):([\w-]+)@(\w+):(\d+)", owner).groups()

    assert (user, password) == ("default", environment("clickhouse")["CLICKHOUSE_PASSWORD"])
    assert (host, port) == ("clickhouse", published("clickhouse")["8123"])
    assert environment("clickhouse")["GIGAWATT_GRAFANA_PASSWORD"] == environment("grafana")["GIGAWATT_GRAFANA_PASSWORD"]
    (source,) = yaml.safe_load((CHECKOUT / "dashboards/provisioning/datasources.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert (source["jsonData"]["host"], str(source["jsonData"]["port"])) == (host, port)


def test_ports_are_published_on_loopback_alone():
    for service, settings in SERVICES.items():
        assert len(published(service)) == len(settings.get("ports", ())), service


def test_each_listener_of_kafka_is_advertised_where_its_clients_reach_it():
    kafka = environment("kafka")
    listeners, advertised = addresses(kafka["KAFKA_LISTENERS"]), addresses(kafka["KAFKA_ADVERTISED_LISTENERS"])
    voter = re.fullmatch(r"(\d+)@(\w+):(\d+)", kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"])

    assert advertised["HOST"] == ("127.0.0.1", next(iter(published("kafka"))))
    assert listeners["HOST"] == ("", next(iter(published("kafka").values())))
    assert advertised["PLAINTEXT"] == (SERVICES["kafka"]["hostname"], listeners["PLAINTEXT"][1])
    assert set(advertised) == set(listeners) - {kafka["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert voter.groups() == (kafka["KAFKA_NODE_ID"], "kafka", listeners["CONTROLLER"][1])
    assert environment("worker")["GIGAWATT_KAFKA"] == ":".join(advertised["PLAINTEXT"])


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_waited_for_is_a_health_check_or_a_command_that_ends(service):
    for other, how in SERVICES[service].get("depends_on", {}).items():
        needed = SERVICES[other]
        if how["condition"] == "service_healthy":
            assert needed["healthcheck"]["test"][0] == "CMD"
            assert needed["healthcheck"]["test"][1] in RUNS[image(other)[0]]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert needed["command"] == ["migrate"]
            assert re.fullmatch(r"on-failure:\d+", needed["restart"]), "one that never succeeds must end, too"


@pytest.mark.parametrize("service", LASTING)
def test_what_lasts_is_up_again_after_the_machine_was(service):
    """Compose's conditions are for `up` alone: the engine starts each container by its own policy."""
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_a_mounted_file_exists_and_whoever_the_image_runs_as_may_read_it(service):
    declared = yaml.safe_load(text())["volumes"]
    for source, target, mode in mounts(service):
        if not source.startswith("./"):
            assert source in declared
            assert target in OWNED[image(service)[0]]
            continue
        path = CHECKOUT / source
        assert mode == "ro"
        for one in (path, *(path.iterdir() if path.is_dir() else ())):
            assert one.stat().st_mode & stat.S_IROTH, one
        assert path.is_dir() or (path.suffix and path.suffix == target[target.rfind(".") :])


def test_one_service_builds_our_image_and_the_others_wait_for_it():
    """Compose builds in parallel, and of two builds of one name the second fails on a machine that has none yet."""
    of_ours = {name: one for name, one in SERVICES.items() if image(name)[0] == "gigawatt"}
    (builder,) = (name for name, one in of_ours.items() if "build" in one)

    assert of_ours[builder]["pull_policy"] == "build"
    for name, one in of_ours.items():
        if name != builder:
            assert one["pull_policy"] == "never"
            assert builder in one["depends_on"]


def test_images_are_the_versions_that_are_tried():
    pins = json.loads((CHECKOUT / "local/broker/jars.json").read_text())
    oldest = (CHECKOUT / "requirements-oldest.in").read_text()

    assert image("kafka") == ("apache/kafka", pins["kafka"])
    assert image("clickhouse")[1] == re.search(r"chDB [\d.]+ is (\d+\.\d+)\.", oldest)[1]
    assert tuple(map(int, image("grafana")[1].split(".")))[:2] >= (12, 1), (
        "the first that installs before it provisions"
    )


@pytest.mark.parametrize("service", [name for name in LASTING if image(name)[0] == "gigawatt"])
def test_each_of_ours_is_asked_where_it_serves(service):
    """By what its image has, on the port that its command names."""
    asked = SERVICES[service]["healthcheck"]["test"]
    (port,) = re.findall(r"0\.0\.0\.0:(\d+)", " ".join(SERVICES[service]["command"]))

    assert asked[:3] == ["CMD", "python3", "-c"]
    assert f"http://127.0.0.1:{port}/readyz" in asked[3]
