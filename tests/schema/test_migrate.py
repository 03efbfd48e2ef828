"""Migrations go forward only, once each, and refuse a past that was edited."""

import re

import pytest

from schema.limits import RAW_RETENTION_MS
from schema.migrate import Migration, MigrationError, load, pending
from schema.migrate import migrate as apply
from tests.engine import Engine

ONE = Migration(1, "0001_one.sql", "CREATE TABLE one (a UInt8) ENGINE = MergeTree ORDER BY a;\n")
TWO = Migration(2, "0002_two.sql", "-- why\nCREATE TABLE two (a UInt8) ENGINE = MergeTree ORDER BY a;\n")


def applied(*migrations):
    return {migration.version: (migration.name, migration.checksum) for migration in migrations}


def test_only_what_was_not_applied_is_pending():
    assert pending([ONE, TWO], applied(ONE)) == [TWO]


def test_a_changed_migration_is_refused():
    with pytest.raises(MigrationError, match=r"made with another 0001_one\.sql"):
        pending([Migration(1, ONE.name, "CREATE TABLE other (a UInt8)"), TWO], applied(ONE))


def test_a_database_that_was_made_before_a_file_was_written_anew_goes_on():
    """The order of COMMENT and CODEC is all that changed."""
    order = re.compile(r"(COMMENT '[^']*') (CODEC\((?:[^()]|\([^()]*\))*\))")
    anew = [one for one in load() if one.name in {"0001_power.sql", "0002_raw_samples.sql", "0006_dashboards.sql"}]
    before = {one.version: Migration(one.version, one.name, order.sub(r"\2 \1", one.sql)) for one in anew}

    assert all(before[one.version].checksum != one.checksum for one in anew)
    assert pending(load(), applied(*(before.get(one.version, one) for one in load()))) == []


def test_a_database_from_the_future_is_refused():
    with pytest.raises(MigrationError, match="does not have; use a newer"):
        pending([ONE], applied(ONE, TWO))


def test_a_migration_that_was_overtaken_is_refused():
    with pytest.raises(MigrationError, match="next free number"):
        pending([ONE, TWO], applied(TWO))


def test_white_space_at_line_ends_is_no_change():
    assert Migration(1, ONE.name, ONE.sql.replace(";", ";  ")).checksum == ONE.checksum


def test_a_file_of_another_name_is_refused(tmp_path):
    (tmp_path / "1_first.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match="name a migration like"):
        load(tmp_path)


def test_one_number_for_two_is_refused(tmp_path):
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0001_b.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match="the same number"):
        load(tmp_path)


def test_the_second_run_applies_nothing(engine: Engine):
    client = engine.empty_client()

    assert [migration.version for migration in apply(client, load())] == [m.version for m in load()]
    assert apply(client, load()) == []


def test_a_crash_half_way_is_mended_by_running_again(engine: Engine):
    client = engine.empty_client()
    apply(client, [])
    client.command(load()[0].statements()[0])  # the first statement ran, and then the lights went out

    assert len(apply(client, load())) == len(load())


def test_no_migration_takes_a_column_away_or_moves_it(engine: Engine):
    """Other people's queries name them, and some take them in order."""
    client, migrations, before = engine.empty_client(), load(), {}
    for count in range(1, len(migrations) + 1):
        apply(client, migrations[:count])
        rows = client.query(
            "SELECT table, groupArray((name, type)) FROM (SELECT * FROM system.columns ORDER BY position)"
            " WHERE database = 'gigawatt' GROUP BY table"
        ).result_rows
        after = dict(rows)
        for table, columns in before.items():
            assert [column for column in after[table] if column in columns] == columns, migrations[count - 1].name
        before = after


def test_every_resolution_has_the_columns_of_the_sums(client):
    columns = {name: client.query(f"DESCRIBE TABLE {name}").result_rows for name in ("power_sums", *RESOLUTIONS)}

    for view in RESOLUTIONS:
        assert [row[0] for row in columns[view]] == [row[0] for row in columns["power_sums"][1:]]


RESOLUTIONS = ("power_by_second", "power_by_minute", "power_by_hour")
CONTRACT = {
    "power_by_second": "time site fleet platform model power_method energy_j chip_seconds utilization_seconds"
    " utilization_chip_seconds tensor_seconds tensor_chip_seconds max_power_w samples late_samples",
    "fleet_power": "time site fleet platform power_w chips_reporting chips_expected coverage power_estimated_w"
    " power_error_w utilization tensor_utilization p50_chip_w p95_chip_w p99_chip_w max_chip_w modelled_share",
    "chip_samples": "ts interval_ms site fleet platform model host chip job power_w power_method power_error_w"
    " utilization tensor_utilization memory_used_bytes memory_total_bytes temperature_c throttle"
    " kafka_partition kafka_offset",
    "chips": "site fleet platform model host chip first_seen last_seen",
    "budgets": "site fleet platform budget_w chips_expected",
    "ingest_blocks": "topic kafka_partition offset_from offset_to samples rejected energy_j stored_at worker",
    "rejected_rows": "time reason rows kafka_partition kafka_offset detail",
    "meters": "site kind meter first_seen last_seen",
    "power_reconciled": "time site kind meter hosts chips_expected chips_w coverage chips_estimated_w metered_w"
    " meter_coverage ratio",
}
CONTRACT["power_by_minute"] = CONTRACT["power_by_hour"] = CONTRACT["power_by_second"]


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_the_contract_can_be_queried(client, name):
    result = client.query(f"SELECT {', '.join(CONTRACT[name].split())} FROM {name} LIMIT 1")

    assert list(result.column_names) == CONTRACT[name].split()


def test_raw_samples_are_kept_as_long_as_late_ones_are_accepted(client):
    (ddl,) = client.query("SHOW CREATE TABLE sample_batches").first_row

    assert f"toIntervalDay({RAW_RETENTION_MS // 86_400_000})" in ddl
