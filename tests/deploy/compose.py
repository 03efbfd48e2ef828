"""docker-compose.yml as Compose reads it, with nothing set in the environment."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

CHECKOUT: Final = Path(__file__).parents[2]
_VARIABLE: Final = re.compile(r"\$\{(\w+):-([^}]*)\}")


def text() -> str:
    return (CHECKOUT / "docker-compose.yml").read_text("utf-8")


def set_by_the_operator() -> set[str]:
    """Return the variables that the file takes from the operator's environment."""
    return {name for name, _ in _VARIABLE.findall(text())}


def services() -> dict[str, Any]:
    """Return each service, its variables at their defaults."""
    found: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(r"\2", text()))["services"]
    return found


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = services()[service].get("environment", {})
    return found


def published(service: str) -> dict[str, str]:
    """Return the container's ports by the host's, which are all on loopback."""
    ports = [re.fullmatch(r"127\.0\.0\.1:(\d+):(\d+)", port) for port in services()[service].get("ports", ())]
    return {port[1]: port[2] for port in ports if port}


def addresses(listed: str) -> dict[str, tuple[str, str]]:
    """Return host and port of each listener in a list such as `HOST://127.0.0.1:9092,...`."""
    return {name: (host, port) for name, host, port in re.findall(r"(\w+)://([^:,]*):(\d+)", listed)}
