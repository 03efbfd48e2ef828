"""How power and energy are known: both by fleet and power method, from the same sums as the boards."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from dashboards.live.rows import Key
from dashboards.live.summary import Summary
from schema.clickhouse import ClickHouseAwayError, why
from schema.samples import METER_MODELS

Source = tuple[Key, str]
"""A fleet and a power method."""

_PARAMETERS: Final = {"meters": list(METER_MODELS)}
# The newest complete seconds of all fleets are few: a Trainium fleet's is a minute before the others'.
_POWER: Final = """
SELECT site, fleet, platform, power_method, toUnixTimestamp(time), sum(energy_j)
FROM power_by_second
WHERE time IN (SELECT toDateTime(arrayJoin({times:Array(UInt32)}), 'UTC')) AND power_method != ''
    AND model NOT IN {meters:Array(String)}
GROUP BY site, fleet, platform, power_method, time
"""
# In integers, joules and millionths of them: a sum of floats depends on its order, and a counter that falls by a
# rounding would count from zero again. The rows of an hour are not brought together before: that took thirty times as
# long, and more memory than a reader has.
_ENERGY: Final = """
SELECT
    site, fleet, platform, power_method,
    sum(toInt64(floor(energy_j))), sum(toInt64(round((energy_j - floor(energy_j)) * 1000000)))
FROM power_by_hour
WHERE time >= toDateTime({since:UInt32}, 'UTC') AND time < toDateTime({until:UInt32}, 'UTC')
    AND power_method != '' AND model NOT IN {meters:Array(String)}
GROUP BY site, fleet, platform, power_method
"""
_MILLION: Final = 1_000_000
_RECENT_S: Final = 4 * 24 * 3600
"""Hours that are older than this hardly change: they are added up anew once an hour."""
_OLD_FOR_S: Final = 3600.0
_FOREVER_S: Final = 2**32 - 1


@dataclass(frozen=True)
class ByMethod:
    """By fleet and method: `power_w` of the newest complete second, `energy_j` of all that was ever stored."""

    power_w: Mapping[Source, float] = field(default_factory=dict)
    energy_j: Mapping[Source, float] = field(default_factory=dict)


class MethodReader:
    """Asks ClickHouse; may be shared by threads. `connect` is called again after a failure.

    Energy never goes back: sums by hour are kept for ever, and what comes late only adds to them. It is asked for every
    `energy_every_s`. Where that takes too long, what was known last stands, and power is told all the same.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        energy_every_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._energy_every_s = energy_every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._energy_j: dict[Source, float] = {}
        self._energy_at_s = -math.inf
        self._old: dict[Source, int] = {}
        self._old_at_s = -math.inf
        self._recent_since_s = 0

    def read(self, summary: Summary) -> ByMethod:
        """Return what there is of the lines of a summary. Raises `ClickHouseAwayError`."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = self._connect()
                power_w = self._power(self._client, summary)
            except ClickHouseError as error:
                self._client = None
                raise ClickHouseAwayError(f"ClickHouse cannot answer ({why(error)})") from error
            try:
                self._read_energy(self._client)
            except ClickHouseError:
                self._client = None
            return ByMethod(power_w, dict(self._energy_j))

    def _power(self, client: Client, summary: Summary) -> dict[Source, float]:
        newest = {
            Key(line.site, line.fleet, line.platform): line.second.time
            for line in summary.lines
            if line.second and not line.old
        }
        parameters = {**_PARAMETERS, "times": sorted(set(newest.values()))}
        rows = client.query(_POWER, parameters=parameters).result_rows if newest else []
        return {
            (key, method): joules
            for site, fleet, platform, method, time_s, joules in rows
            if newest.get(key := Key(site, fleet, platform)) == time_s
        }

    def _read_energy(self, client: Client) -> None:
        now_s = self._clock()
        if now_s - self._energy_at_s < self._energy_every_s:
            return
        self._energy_at_s = now_s
        if now_s - self._old_at_s >= _OLD_FOR_S:
            since_s = int(now_s - _RECENT_S) // 3600 * 3600
            self._old = self._energy(client, 0, since_s)
            self._old_at_s, self._recent_since_s = now_s, since_s
        recent = self._energy(client, self._recent_since_s, _FOREVER_S)
        for source in self._old.keys() | recent.keys():
            joules = (self._old.get(source, 0) + recent.get(source, 0)) // _MILLION
            self._energy_j[source] = max(float(joules), self._energy_j.get(source, 0.0))

    def _energy(self, client: Client, since_s: int, until_s: int) -> dict[Source, int]:
        """Return millionths of a joule."""
        parameters = {**_PARAMETERS, "since": since_s, "until": until_s}
        rows = client.query(_ENERGY, parameters=parameters).result_rows
        return {(Key(*key), method): int(whole) * _MILLION + int(rest) for *key, method, whole, rest in rows}
