"""The front on each engine, for tests of what both must know."""

from tests.local.clickhouse.conftest import either

__all__ = ["either"]
