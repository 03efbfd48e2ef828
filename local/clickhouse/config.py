"""The engine's own configuration: memory, background threads, default settings, and the users' bounds."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from xml.sax.saxutils import escape

from local.room import KEPT_FREE_BYTES
from schema.rights import READING, WRITING

_MB, _GB = 1_000_000, 1_000_000_000
_MACHINE_BYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
_CORES = os.cpu_count() or 1

# What a query of a read-only user may take at most; a request may ask for less, never for more. At a million chips, all
# queries of boards and rules are answered within the reader's memory. Large groups and sorts go on the disk. The page's
# queries wait behind nobody and run two at once, with a thread each.
_READER_BYTES, _MODEST_BYTES, _PAGE_BYTES = 256 * _MB, 40 * _MB, 256 * _MB
_SPILLS = (("max_bytes_before_external_group_by", 32 * _MB), ("max_bytes_before_external_sort", 32 * _MB))
_READERS_AT_ONCE = max(2, min(_CORES, 8))
# What it must leave: a query that sorts or groups on the disk, so much of it to the data and to the broker's log, which
# may lie beside it. The embedded engine knows no other bound of what lies there for a while.
_FLOORS = (("min_free_disk_space_for_temporary_data", 4 * _GB),)
# All that our own parts need, and no source: not a file, not a URL, not another server. The engine asks for these of
# every statement, however it is written.
_GRANTS = (
    "SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP, TRUNCATE, "
    "OPTIMIZE"
)
# Settings that name a file or a server, or hold SQL in a string, which nobody looks at: nobody may set them. The kernel
# does not hold two of them from the engine's own data: `output_format_schema` empties the file that it names, and
# `input_format_record_errors_file_path` writes one.
_LOCKED_SETTINGS = (
    "additional_result_filter",
    "additional_table_filters",
    "dialect",  # another language to write statements in
    "format_avro_schema_registry_url",
    "format_schema",
    "format_template_resultset",
    "format_template_row",
    "input_format_record_errors_file_path",
    "output_format_orc_compression_block_size",  # so much for each column, which no limit counts
    "output_format_schema",
    "reject_expensive_hyperscan_regexps",  # one of 20 characters compiles for a minute and more, and nothing stops it
    "rename_files_after_processing",
    "schema_inference_hints",
    "use_concurrency_control",  # or a query's threads would not count among all that run
)
# A result whose format cannot be streamed is held as a whole, as text that may take ten times the memory of its columns
# and is counted by no limit.
_WHOLE_BYTES, _WHOLE_ROWS = 32 << 20, 1_000_000
OWNER, PAGE, READER, WRITER = "default", "page", READING.user, WRITING.user


def reader_limits(memory_bytes: int, threads: int = _CORES) -> tuple[tuple[str, int], ...]:
    """Give the upper bounds of settings for a read-only user whose queries may take so much memory and threads."""
    return (
        ("max_execution_time", 60),  # seconds
        ("max_memory_usage", memory_bytes),
        ("max_result_bytes", _GB),
        ("max_threads", threads),
        ("max_untracked_memory", 1 << 20),  # of each thread: what the other limits do not see
        # Padded tables are made whole, in memory that no limit counts: 15 million cells took 4 GB.
        ("output_format_pretty_max_rows", 10_000),
        # The engine's own. Functions such as formatQuery parse what they are given in one go that nothing can stop:
        # 2,500 brackets, which took a greater depth, took 4.6 s of a query that had 1 s.
        ("max_parser_depth", 1_000),
        ("max_parser_backtracks", 1_000_000),
    )


@dataclass(frozen=True)
class User:
    """Who may ask. A read-only user may set settings but not write, but for data into the tables of `stores`.

    `limits` are upper bounds of settings and `floors` lower ones, and what they are unless the user sets them.
    `at_once` statements of the user run, `waiting` wait for up to `patience_s`; what is above is rejected. With
    `modest_bytes`, they have so much memory: a query that needs more begins again within `limits`, one at a time.
    `statement_bytes` bounds one statement, and `answer_within_s` the time for all of an answer (None for no bound).
    """

    name: str
    password: str = ""
    read_only: bool = False
    limits: tuple[tuple[str, int], ...] = ()
    floors: tuple[tuple[str, int], ...] = ()
    at_once: int = 8
    waiting: int = 64
    patience_s: float = 20.0
    statement_bytes: int = 64 << 10
    answer_within_s: float | None = 120.0
    modest_bytes: int | None = None
    profile: str = ""
    stores: frozenset[str] = frozenset()

    @property
    def is_ours(self) -> bool:
        """Whether it is one whose data is stored: it is the last to be given up when there is too much to do."""
        return not self.read_only or bool(self.stores)

    @cached_property
    def storing(self) -> "User":
        """The same user, while data is inserted into a table that it may insert into."""
        return replace(self, read_only=False)

    @cached_property
    def modest(self) -> "User | None":
        """The same user with little memory, where queries are to be tried so first."""
        if self.modest_bytes is None:
            return None
        limits = tuple((name, self.modest_bytes if name == "max_memory_usage" else most) for name, most in self.limits)
        return replace(self, limits=limits, profile=f"{self.name}_modest")

    @cached_property
    def whole(self) -> "User":
        """The same user, who asks for a result that is held as a whole."""
        if not self.limits:
            return self
        limits = dict(self.limits) | {"max_result_bytes": _WHOLE_BYTES, "max_result_rows": _WHOLE_ROWS}
        return replace(self, limits=tuple(limits.items()), profile=f"{self.profile or self.name}_whole")


def users(*, password: str = "", reader_password: str = "", writer_password: str = "") -> tuple[User, ...]:
    """Give the users: `default` may do everything, `page` and `grafana` may read. An empty password means none.

    `page` is the page and the summary of `gigawatt up`, which do not wait behind other readers, and ask only what is
    checked in. With a password, there is also who stores what workers store, and may read.
    """
    storing = User(
        WRITER,
        writer_password,
        read_only=True,
        at_once=16,
        waiting=256,
        statement_bytes=256 << 10,
        answer_within_s=None,
        stores=frozenset(what for what, rights in WRITING.grants.items() if "INSERT" in rights),
    )
    return (
        User(OWNER, password, at_once=16, waiting=256, statement_bytes=256 << 10, answer_within_s=None),
        *((storing,) if writer_password else ()),
        User(
            PAGE,
            password,
            read_only=True,
            limits=(*reader_limits(_PAGE_BYTES, threads=1), *_SPILLS),
            floors=_FLOORS,
            at_once=_READERS_AT_ONCE,
        ),
        User(
            READER,
            reader_password,
            read_only=True,
            limits=(*reader_limits(_READER_BYTES), *_SPILLS),
            floors=_FLOORS,
            at_once=_READERS_AT_ONCE,
            modest_bytes=_MODEST_BYTES,
        ),
    )


@dataclass(frozen=True)
class EngineConfig:
    """Bounds of the engine: `memory_bytes` in all, of which caches take a fixed small part.

    `merge_threads` work at background merges. Half of the machine's memory is the default, since the
    broker and the workers live beside the engine. `merge_buffers_grow` is for an engine newer than ClickHouse
    25.8, which does not know that setting and then makes no table.
    """

    memory_bytes: int = _MACHINE_BYTES // 2
    merge_threads: int = 2
    display_name: str = "gigawatt"
    merge_buffers_grow: bool = True

    def write(self, path: Path, user_table: tuple[User, ...]) -> None:
        """Write the XML that the engine reads at its start."""
        path.write_text(self._xml(path, user_table), encoding="utf-8")

    def _xml(self, path: Path, user_table: tuple[User, ...]) -> str:
        kinds = [kind for user in user_table for kind in (user, user.modest) if kind is not None and kind.limits]
        profiles = "".join(_profile(each) for kind in kinds for each in (kind, kind.whole))
        locked = "".join(f"<{name}><const/></{name}>" for name in _LOCKED_SETTINGS)
        # The engine knows one user of its own, behind whom all of ours stand: what must be held from them in different
        # ways is held by `readonly`, by their profile and by the front.
        #
        # A merge holds two buffers for each stream of each column: of a megabyte each, 170 MB for a table of sums,
        # unless they start small.
        buffers = "<min_columns_to_activate_adaptive_write_buffer>1</min_columns_to_activate_adaptive_write_buffer>"
        room = f"<min_free_disk_bytes_to_perform_insert>{KEPT_FREE_BYTES}</min_free_disk_bytes_to_perform_insert>"
        merge_tree = room + (buffers if self.merge_buffers_grow else "")
        # The engine writes inserts of its own accord in the background (async_insert); an answer must mean
        # "stored". It also takes a bare expression for a SELECT (implicit_select), which a server does not.
        return f"""<clickhouse>
  <users_config>{escape(str(path))}</users_config>
  <display_name>{escape(self.display_name)}</display_name>
  <max_server_memory_usage>{self.memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{self.memory_bytes // 16}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>{self.merge_threads}</background_pool_size>
  <concurrent_threads_soft_limit_num>{_CORES}</concurrent_threads_soft_limit_num>
  <merge_tree>{merge_tree}</merge_tree>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
      <storage_file_read_method>pread</storage_file_read_method>
      <constraints>{locked}</constraints>
    </default>{profiles}
  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT {_GRANTS} ON *.*</query></grants>
    </default>
  </users>
  <quotas><default/></quotas>
</clickhouse>
"""


def _profile(user: User) -> str:
    # A minimum of 1, because 0 stands for "no limit" in all of these settings.
    bounds = "".join(f"<{name}><min>1</min><max>{most}</max></{name}>" for name, most in user.limits)
    bounds += "".join(f"<{name}><min>{least}</min></{name}>" for name, least in user.floors)
    name = user.profile or user.name
    return f"\n    <{name}><constraints>{bounds}</constraints></{name}>"
