"""The front on each engine, for tests of what both must know."""

from tests.local.clickhouse.conftest import either, front, oldest

__all__ = ["either", "front", "oldest"]
