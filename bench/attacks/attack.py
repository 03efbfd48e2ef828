"""What an attack is, and what it is made on."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True)
class Target:
    """The addresses of the stack that is attacked: Kafka as HOST:PORT, ClickHouse and the page as URLs."""

    kafka: str
    clickhouse: str
    page: str

    @property
    def store(self) -> SplitResult:
        """Return the parts of ClickHouse's address."""
        return urlsplit(self.clickhouse)

    def port_of_page(self) -> int:
        """Return the port of the page."""
        return urlsplit(self.page).port or 80

    def port_of_store(self) -> int:
        """Return the port of ClickHouse."""
        return self.store.port or 8123


@dataclass(frozen=True)
class Attack:
    """One attack. `prepare` makes what is sent, and returns the function that goes on sending it for ever."""

    name: str
    what: str
    prepare: Callable[[Target], Callable[[], None]]
