"""Trust: how fresh the figures are, what was rejected or late, whether anything is missing, and which workers store."""

from typing import Final

from dashboards import trust_sql as sql
from dashboards.board import CHIPS, FLEET_POWER, TRUST, UTILIZATION, Row, board
from dashboards.fields import Steps, drill, field
from dashboards.panels import stat, table, timeseries
from dashboards.sdk import Board
from schema.fleet_limits import DEFAULTS

_FRESH: Final[Steps] = (
    (None, "text"),
    (0.0, "green"),
    (DEFAULTS["freshness_s"] / 2, "yellow"),
    (DEFAULTS["freshness_s"], "red"),
)
_NONE: Final[Steps] = ((None, "text"), (0.0, "green"), (1.0, "red"))
_PENDING: Final[Steps] = ((None, "text"), (30.0, "red"))
_REFUSED: Final[Steps] = ((None, "text"), (0.001, "orange"))
_OF_LIMIT: Final[Steps] = ((None, "text"), (0.0, "green"), (0.8, "yellow"), (1.0, "red"))
_FREE: Final[Steps] = ((None, "text"), (0.0, "red"), (10e9, "text"))
_PARTS: Final[Steps] = ((None, "text"), (1000.0, "orange"), (3000.0, "red"))

_TO_CHIPS = drill(CHIPS, "Hosts and chips")
_TO_POWER = drill(FLEET_POWER, "Fleet power")
_TO_UTILIZATION = drill(UTILIZATION, "Utilization")


def build() -> Board:
    """Return the board."""
    return board(
        TRUST,
        "Trust",
        "How fresh the figures are, what was rejected or late, whether anything is missing, and which workers store. A "
        "block holds samples of many fleets: only late data and meters follow the variables.",
        [_fresh(), _behind(), _refused(), _ledger(), _meters(), _workers(), _store()],
        refresh="30s",
    )


def _fresh() -> Row:
    return Row(
        100,
        "Freshness: from the end of a sample until it can be queried",
        [
            stat(
                1, "Freshness now",
                "Delay from a block's newest sample until it is stored, by samples, in the last minute in which "
                "anything was stored; the age of the newest stored sample; and the time since the last block. Red is "
                f"above {DEFAULTS['freshness_s']:.0f} s.",
                sql.FRESHNESS_NOW, unit="s", decimals=1, width=12, height=9, steps=_FRESH,
                links=[_TO_POWER],
                fields=[
                    field("p50_s", title="median delay"),
                    field("p99_s", title="p99 delay"),
                    field("newest_age_s", title="age of the newest sample"),
                    field("stored_ago_s", title="since the last block"),
                ],
            ),
            timeseries(
                2, "Delay until stored", "Per minute, by samples. The dashed line is the default limit of the rule.",
                sql.FRESHNESS, unit="s", low=0, width=12, limits=True,
                steps=((None, "green"), (DEFAULTS["freshness_s"], "red")), links=[_TO_POWER],
                fields=[
                    field("p50_s", title="median", color="blue"),
                    field("p99_s", title="p99", color="purple"),
                ],
            ),
        ],
    )  # fmt: skip


def _behind() -> Row:
    return Row(
        200,
        "Lag of each partition",
        [
            table(
                3, "Partitions",
                "Of the last day. Age is the time since the broker appended the newest stored message; it also grows "
                "when nothing is sent. Blocks that were agreed within the last hour and are not stored yet are "
                "pending; each is for a second or two, longer where the store or the worker is stuck.",
                sql.PARTITIONS, unit="none", width=12, height=11, links=[_TO_POWER],
                fields=[
                    field("kafka_partition", title="partition"),
                    field("newest_age_s", title="newest", unit="s", decimals=1),
                    field("stored_ago_s", title="stored", unit="s", decimals=1),
                    field("pending"),
                    field("pending_for_s", title="pending for", unit="s", decimals=1, steps=_PENDING,
                          cell="color-text"),
                    field("stored_to_offset", title="stored to", unit="locale", decimals=0),
                    field("worker", grows_from_px=110),
                ],
            ),
            timeseries(
                4, "Time in the topic",
                "From the broker's append of a block's first message until it is stored; the longest of each "
                "interval.",
                sql.LAG, unit="s", low=0, width=12, height=11, by_series="lag", links=[_TO_POWER],
            ),
        ],
    )  # fmt: skip


def _refused() -> Row:
    return Row(
        300,
        "Rejected rows and late data",
        [
            timeseries(
                5, "Rejected rows by reason",
                "By the broker's append time. An undecodable message counts as one row. All rejected rows are in the "
                "dead letters.",
                sql.REFUSED, unit="short", low=0, width=12, bars=True, stacked=True, fill=80, by_series="refused_rows",
                links=[_TO_CHIPS], no_value="no rows rejected",
            ),
            timeseries(
                6, "Late data", "Share of each fleet's samples that the broker appended more than 30 s after their "
                "end. They count at their own time, so older figures still change. All samples of Trainium may be "
                "late: they take up to 70 s.",
                sql.LATE, unit="percentunit", low=0, width=12, by_series="late",
                links=[_TO_UTILIZATION],
            ),
            table(
                7, "Reasons", "Over the range and within its last five minutes; share is of all rows that arrived.",
                sql.REFUSED_BY_REASON, unit="locale", width=12, links=[_TO_CHIPS],
                fields=[
                    field("reason", width_px=150),
                    field("refused", title="rows", decimals=0),
                    field("lately", title="in five minutes", decimals=0),
                    field("share", unit="percentunit", decimals=4, steps=_REFUSED, cell="color-text"),
                    field("last_at", unit="dateTimeAsIso"),
                    field("last_detail", grows_from_px=150),
                ],
            ),
            table(
                8, "Newest rejected rows", "The fifty newest of the range, with partition and offset.",
                sql.REFUSED_NEWEST, unit="none", width=12, links=[_TO_CHIPS],
                fields=[
                    field("reason", width_px=150),
                    field("rows", unit="locale", decimals=0),
                    field("appended_at", unit="dateTimeAsIso"),
                    field("detail", grows_from_px=170),
                    field("kafka_partition", title="partition"),
                    field("kafka_offset", title="offset", decimals=0),
                ],
            ),
        ],
    )  # fmt: skip


def _ledger() -> Row:
    return Row(
        400,
        "Ledger: missing or doubled samples",
        [
            stat(
                9, "Ledger", "Blocks that were stored within the range: each must begin where the one before it in its "
                "partition ended. The blocks at the range's beginning have none before them.",
                sql.LEDGER, unit="locale", decimals=0, width=12, height=7, links=[_TO_POWER],
                fields=[
                    field("gaps", decimals=0, steps=_NONE),
                    field("overlaps", decimals=0, steps=_NONE),
                    field("lost_messages", title="messages lost", decimals=0, steps=_NONE),
                    field("blocks"),
                    field("accepted", title="samples"),
                    field("refused", title="rejected rows"),
                ],
            ),
            table(
                10, "Gaps and overlaps",
                "Offsets that are in no block or in two. `gigawatt audit` checks the whole ledger and the messages "
                "in the topic.",
                sql.BROKEN, unit="none", width=12, height=7, links=[_TO_POWER],
                fields=[
                    field("what", grows_from_px=138),
                    field("messages", decimals=0),
                    field("kafka_partition", title="partition"),
                    field("from_offset", decimals=0),
                    field("to_offset", decimals=0),
                    field("stored_at", unit="dateTimeAsIso"),
                    field("worker", width_px=78),
                ],
            ),
        ],
    )  # fmt: skip


def _meters() -> Row:
    return Row(
        500,
        "Reconciliation against meters",
        [
            table(
                11, "Chips compared with their meter",
                "The minute that began two and a half to three and a half minutes "
                "before the end of the range. A meter also measures other parts, so the ratio is normally below one; "
                "it should stay constant. Meters and their limits are of the chosen "
                "fleets' sites.",
                sql.METERS, unit="watt", width=24, links=[_TO_CHIPS],
                fields=[
                    field("meter", grows_from_px=140),
                    field("ratio", unit="percentunit", decimals=1),
                    field("of_limit", unit="suffix:x", decimals=2, steps=_OF_LIMIT, cell="color-text"),
                    field("chips_w", title="chips draw", decimals=2),
                    field("metered_w", title="meter shows", decimals=2),
                    field("site", width_px=110),
                    field("kind", width_px=110),
                    field("hosts", unit="locale", decimals=0),
                    field("chips_expected", title="chips", unit="locale", decimals=0),
                    field("coverage", title="of the chips", unit="percentunit", decimals=1),
                    field("meter_coverage", title="of the minute", unit="percentunit", decimals=1),
                    field("minute", unit="dateTimeAsIso"),
                ],
            ),
        ],
    )  # fmt: skip


def _workers() -> Row:
    return Row(
        600,
        "Workers",
        [
            timeseries(
                12, "Samples stored by each worker", "Per second. Incomplete intervals are left out.",
                sql.BY_WORKER, unit="short", low=0, width=8, height=11, stacked=True, fill=60,
                by_series="samples_per_s", links=[_TO_POWER],
            ),
            timeseries(
                13, "Commits and blocks",
                "Per second. Blocks that are due together are one commit, and each commit is a few inserts, which "
                "determine the cost of ClickHouse.",
                sql.CADENCE, unit="none", low=0, width=8, height=11, links=[_TO_POWER],
                fields=[
                    field("commits_per_s", title="commits per second", color="blue"),
                    field("blocks_per_s", title="blocks per second", color="purple"),
                ],
            ),
            table(
                14, "Workers",
                "Workers that stored anything within the last hour: partitions, samples and commits of the last "
                "minute.",
                sql.WORKERS, unit="none", width=8, height=11, links=[_TO_POWER],
                fields=[
                    field("worker", grows_from_px=110),
                    field("stored_ago_s", title="stored", unit="s", decimals=1, steps=_FRESH, cell="color-text"),
                    field("samples_per_s", title="samples/s", unit="locale", decimals=0),
                    field("partitions", decimals=0),
                    field("commits_per_s", title="commits/s", decimals=2),
                ],
            ),
        ],
    )  # fmt: skip


def _store() -> Row:
    return Row(
        700,
        "ClickHouse now, whatever the range",
        [
            stat(
                15, "Disk and merges",
                "Bytes of the tables, free space on ClickHouse's disks, parts, and running merges. A merge that "
                "never ends, or thousands of parts, mean that inserts come faster than merges.",
                sql.STORE, unit="none", width=12, links=[_TO_POWER],
                fields=[
                    field("used_bytes", title="used", unit="decbytes", decimals=1),
                    field("free_bytes", title="free", unit="decbytes", decimals=1, steps=_FREE),
                    field("parts", decimals=0, steps=_PARTS),
                    field("merges", decimals=0),
                    field("longest_merge_s", title="longest merge", unit="s", decimals=0),
                ],
            ),
            table(
                16, "Tables", "Rows, bytes on disk and parts of each table, and running merges.",
                sql.TABLES, unit="none", width=12, links=[_TO_POWER],
                fields=[
                    field("table", grows_from_px=170),
                    field("stored_rows", title="rows", unit="locale", decimals=0),
                    field("disk_bytes", title="on disk", unit="decbytes", decimals=1),
                    field("parts", decimals=0),
                    field("merges", decimals=0),
                ],
            ),
        ],
    )  # fmt: skip
