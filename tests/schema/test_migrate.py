"""Migrations go forward only, once each, and refuse a past that was edited."""

import pytest

from schema.limits import RAW_RETENTION_MS
from schema.migrate import Migration, MigrationError, load, pending
from schema.migrate import migrate as apply
from tests.engine import Engine

ONE = Migration(1, "0001_one.sql", "CREATE TABLE one (a UInt8) ENGINE = MergeTree ORDER BY a;\n")
TWO = Migration(2, "0002_two.sql", "-- why\nCREATE TABLE two (a UInt8) ENGINE = MergeTree ORDER BY a;\n")

WITH_VIEWS = {
    "0001_power.sql": "319e902ee20aae64d5fef6600619ff36b40e10f9ac8dc7a3847bbc5b0dc34f55",
    "0002_raw_samples.sql": "a12e3aef83d9527c4b88ac0c015f3ec9fe1a0bb1bc6b84f70402511dfd627a61",
    "0003_ledger.sql": "064d6d0fc4ed819c831d28c34bf7726f9bad26e8ff36608fc85003d1b79ba8cf",
    "0004_fleet_power.sql": "c62f2302a6237cd471f68a42cf9bf6278aaf32629d612df8d9b7235e829d0972",
    "0005_meters.sql": "cfee499121bf1a4998546cb80104ec55f45404baee31bf8032d2575add5643ee",
    "0006_dashboards.sql": "36eafd3250ad54d3f6c91e5669b4f269c15aa7ace8b31915a839855b1ed558b0",
    "0007_published.sql": "9aa98dd6315a5b3d7be7b8c2bb46974dbf5e6a6b25335c2b1c952bc68646b0ae",
    "0008_speed.sql": "da9d93e8f16b3d11603289de84e34210af6cfbd59afff263e0eaee2144e56dfc",
    "0009_messages.sql": "5700165af7895365d509457ad0835a8e496c144fc7a92f70d847f80b9a74ffa5",
    "0010_doubtful.sql": "2a663a3dd55ae07bef4d6fd0ce7b590412c125ea5107b9072b310bf1be789394",
    "0011_lost.sql": "cb10c6887c0a75f99118a500a9343d91170b25b8ffa401fa64ecc1fe0af3da0f",
    "0012_capacity.sql": "9a2698abc73f714ec29edd0c1ea46cbe0f33e474ff1ee72a6a7a380f71f169bb",
    "0013_fleets.sql": "7f9f43112674c95e06531c7a08a76f4912d2851868a6ec8ab3bb7751c32d6d9e",
    "0014_ledger.sql": "ff36bc2bd2571ded252e7c53c2280364324b9d819d2e263d2bd383dac2b03964",
    "0015_replayed.sql": "c8cec2c076d86a596c237a603c00a5819b9ca8ac82c6f77aeb70f553ab4bc42c",
    "0016_offsets.sql": "dff94d34179e0920cf8791eff1d8b0a5c61b58e39d2b1bd2d711b723228d5e22",
}
"""The checksums of the files as they were while migrations made views, too."""
CODEC_FIRST = WITH_VIEWS | {
    "0001_power.sql": "613cc823a9dbd7491ce2395786b0c2959eb0b82955e01c8014dde1706fb483c6",
    "0002_raw_samples.sql": "9419b3c09a25f8aad5be7a7f1eb3821e537d1343e4819a1383d6be715d33e63d",
    "0006_dashboards.sql": "a97990bb2b5c1e86bc1d5423ae106dd832ffd3e7091bfc4476ac93351fad111f",
}
"""Those of before, when CODEC stood before COMMENT."""


def applied(*migrations):
    return {migration.version: (migration.name, migration.checksum) for migration in migrations}


def test_only_what_was_not_applied_is_pending():
    assert pending([ONE, TWO], applied(ONE)) == [TWO]


def test_a_changed_migration_is_refused():
    with pytest.raises(MigrationError, match=r"made with another 0001_one\.sql"):
        pending([Migration(1, ONE.name, "CREATE TABLE other (a UInt8)"), TWO], applied(ONE))


@pytest.mark.parametrize("chain", [WITH_VIEWS, CODEC_FIRST])
def test_a_database_that_was_made_before_a_file_was_written_anew_goes_on(chain):
    made = {int(name[:4]): (name, checksum) for name, checksum in chain.items()}

    assert pending(load(), made) == [one for one in load() if one.version not in made]
    for version, (name, _) in made.items():
        with pytest.raises(MigrationError, match="was made with another"):
            pending(load(), made | {version: (name, "another")})


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
