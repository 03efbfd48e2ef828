"""What a machine is called, and chips after it, where neither the hardware nor the operator says it."""

import os
import socket
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from urllib.parse import urlsplit

import structlog

PASSING_NAME = (
    "a new container has a new name, and so have its chips without a serial number: they are then expected twice for "
    "a day; set --host, for example to the name of the node"
)


def machine_name() -> str:
    """Return the name that this machine has for itself."""
    return socket.gethostname()


def in_container(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether this process runs in a container, as Docker, Podman and Kubernetes mark theirs."""
    marks = (root / ".dockerenv", root / "run/.containerenv")
    return "KUBERNETES_SERVICE_HOST" in environ or any(mark.exists() for mark in marks)


def place(url: str) -> str:
    """Return what tells a page from others at its address: its port and, unless it is the usual one, its path."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = parts.path.rstrip("/")
    return f":{port}{'' if path == '/metrics' else path}"


class Naming:
    """What chips that have no name of their own are called after: the machine, by what was configured.

    An exporter's own word for its machine is another one when its container is made anew, and every chip would be a new
    one. It counts only where a page has several machines. Machines that were seen at once are told apart from then on.
    """

    def __init__(self, machine: str, url: str) -> None:
        self._machine = machine
        self._url = url
        self._several = False
        self._before = ""

    def look(self, hosts: AbstractSet[str]) -> None:
        """See how many machines a page has, and notice when the only one is called otherwise than before."""
        named = hosts - {""}
        if len(named) != 1:
            self._several = self._several or len(named) > 1
            return
        (host,) = named
        if self._before not in ("", host) and not self._several:
            structlog.get_logger().warning(
                f"{self._url} reports another machine name; chips keep their names", before=self._before, now=host
            )
        self._before = host

    def machine(self, host: str) -> str:
        """Return the machine that chips of this host are called after."""
        return host if host and self._several else self._machine
