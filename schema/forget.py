"""Forgetting a fleet that is gone: nothing of it is expected or budgeted any more, and all that was stored stays.

A chip is expected until a day after its last live sample: a fleet that was tried out or renamed is missing for a day.
Its chips are noted here as last seen just over a day ago, and its budget ends now. Energy, power and samples of before
stay as they are, and what was expected then.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.client import Client

from schema.errors import GigawattError
from schema.migrate import end_budgets

EXPECTED_S: Final = 86_460
"""So long after its last sample's minute a chip is expected, as the views have it."""
_LIVE_S: Final = 120
_SHOWN: Final = 5

Group = tuple[str, str, str]


class Forgotten(NamedTuple):
    """A fleet by site, fleet and platform, how many of its chips were expected, and whether it had a budget."""

    group: Group
    chips: int
    budgeted: bool


def forget(
    client: Client, site: str, fleet: str, platform: str | None = None, now: datetime | None = None
) -> list[Forgotten]:
    """Forget a fleet, of all platforms unless one is named; return what was forgotten.

    Raises `GigawattError` for a fleet that is not known, and for one that still reports: it would be back at once.
    """
    now = now or datetime.now(UTC)
    asked = {"site": site, "fleet": fleet, "platform": platform or "", "now": now.replace(microsecond=0)}
    known = _known(client)
    groups = [group for group in known if group[:2] == (site, fleet) and platform in (None, group[2])]
    if not groups:
        raise GigawattError(f"{_named(site, fleet, platform)} is unknown; known fleets: {_some(known)}")
    if live := _live(client, asked):
        raise GigawattError(f"{_named(*live)} still reports; stop its producers, and run this again two minutes later")
    expected = _expected(client, asked)
    budgeted = {(str(s), str(f), str(p)) for s, f, p in _rows(client, "SELECT site, fleet, platform FROM budgets", {})}
    gone = f"toDateTime('{now - timedelta(seconds=EXPECTED_S + 60):%Y-%m-%d %H:%M:%S}', 'UTC')"
    client.command(
        f"ALTER TABLE chip_series UPDATE last_seen = least(last_seen, {gone}), live_seen = least(live_seen, {gone}) "
        f"WHERE {_OF_FLEET} SETTINGS mutations_sync = 1",
        parameters=asked,
    )
    end_budgets(client, {group for group in groups if group in budgeted}, now)
    return [Forgotten(group, expected.get(group, 0), group in budgeted) for group in groups]


_OF_FLEET: Final = (
    "site = {site:String} AND fleet = {fleet:String} AND ({platform:String} = '' OR platform = {platform:String})"
)


def _known(client: Client) -> list[Group]:
    rows = _rows(
        client,
        "SELECT DISTINCT site, fleet, platform FROM chip_series WHERE model NOT IN ('host-meter', 'rack-meter') "
        "UNION DISTINCT SELECT site, fleet, platform FROM budgets ORDER BY site, fleet, platform",
        {},
    )
    return [(str(site), str(fleet), str(platform)) for site, fleet, platform in rows]


def _live(client: Client, asked: dict[str, object]) -> Group | None:
    rows = _rows(
        client,
        "SELECT site, fleet, platform FROM power_sums WHERE resolution_s = 1 AND time >= {now:DateTime('UTC')} - "  # noqa: S608  ours
        f"{_LIVE_S} AND {_OF_FLEET} LIMIT 1",
        asked,
    )
    return (str(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None


def _expected(client: Client, asked: dict[str, object]) -> dict[Group, int]:
    rows = _rows(
        client,
        "SELECT site, fleet, platform, chips_expected FROM capacity_at(at = {now:DateTime('UTC')})"  # noqa: S608  ours
        f" WHERE {_OF_FLEET}",
        asked,
    )
    return {(str(site), str(fleet), str(platform)): int(chips) for site, fleet, platform, chips in rows}


def _rows(client: Client, sql: str, parameters: dict[str, object]) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = client.query(sql, parameters=parameters).result_rows
    return rows


def _named(site: str, fleet: str, platform: str | None) -> str:
    return " / ".join(filter(None, (site, fleet, platform)))


def _some(known: Sequence[Group]) -> str:
    names = sorted({f"{site}/{fleet}" for site, fleet, _ in known})
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}" if names else "none"
