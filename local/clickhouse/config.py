"""The engine's own configuration: memory, background threads, default settings, and the users' bounds."""

import os
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_GB = 1_000_000_000

# What a dashboard's query may take at most; a request may ask for less, never for more.
DASHBOARD_LIMITS = (
    ("max_execution_time", 60),  # seconds
    ("max_memory_usage", 2 * _GB),
    ("max_result_bytes", _GB),
)


@dataclass(frozen=True)
class User:
    """Who may ask. A read-only user may set settings but not write; `limits` are upper bounds of settings."""

    name: str
    password: str = ""
    read_only: bool = False
    limits: tuple[tuple[str, int], ...] = ()


def users(*, default_password: str = "", grafana_password: str = "") -> tuple[User, ...]:
    """Give the two users: `default` may do everything, `grafana` may read. An empty password means none."""
    return (
        User("default", default_password),
        User("grafana", grafana_password, read_only=True, limits=DASHBOARD_LIMITS),
    )


@dataclass(frozen=True)
class EngineConfig:
    """Bounds of the engine: `memory_bytes` in all, of which caches take a fixed small part.

    `merge_threads` work at background merges. Half of the machine's memory is the default, since the
    broker and the workers live beside the engine.
    """

    memory_bytes: int = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    merge_threads: int = 2
    display_name: str = "gigawatt"

    def write(self, path: Path, user_table: tuple[User, ...]) -> None:
        """Write the XML that the engine reads at its start."""
        path.write_text(self._xml(path, user_table), encoding="utf-8")

    def _xml(self, path: Path, user_table: tuple[User, ...]) -> str:
        profiles = "".join(_profile(user) for user in user_table if user.limits)
        # The engine writes inserts of its own accord in the background (async_insert); an answer must mean
        # "stored". It also takes a bare expression for a SELECT (implicit_select), which a server does not.
        return f"""<clickhouse>
  <users_config>{escape(str(path))}</users_config>
  <display_name>{escape(self.display_name)}</display_name>
  <max_server_memory_usage>{self.memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{self.memory_bytes // 16}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>{self.merge_threads}</background_pool_size>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
    </default>{profiles}
  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </default>
  </users>
  <quotas><default/></quotas>
</clickhouse>
"""


def _profile(user: User) -> str:
    # A minimum of 1, because 0 stands for "no limit" in all of these settings.
    bounds = "".join(f"<{name}><min>1</min><max>{most}</max></{name}>" for name, most in user.limits)
    return f"\n    <{user.name}><constraints>{bounds}</constraints></{user.name}>"
