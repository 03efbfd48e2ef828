"""What this machine is called, where neither the hardware nor the operator says it."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

PASSING_NAME = (
    "the name of a container is another one when it is made anew, and with it the names of chips without a serial "
    "number, which are then expected twice for a day: give --host, such as the name of the node"
)


def machine_name() -> str:
    """Return the name that this machine has for itself."""
    return socket.gethostname()


def in_container(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether this process runs in a container, as Docker, Podman and Kubernetes mark theirs."""
    marks = (root / ".dockerenv", root / "run/.containerenv")
    return "KUBERNETES_SERVICE_HOST" in environ or any(mark.exists() for mark in marks)
