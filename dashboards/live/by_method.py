"""How power and energy are known: both by fleet and power method, from the same sums as the boards."""

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
# Whole joules of each hour: sums of floats depend on their order, and a counter that falls by a rounding would count
# from zero again.
_ENERGY: Final = """
SELECT site, fleet, platform, power_method, sum(toInt64(round(hour_j)))
FROM
(
    SELECT site, fleet, platform, power_method, time, sum(energy_j) AS hour_j
    FROM power_by_hour
    WHERE power_method != '' AND model NOT IN {meters:Array(String)}
    GROUP BY site, fleet, platform, power_method, time
)
GROUP BY site, fleet, platform, power_method
"""


@dataclass(frozen=True)
class ByMethod:
    """By fleet and method: `power_w` of the newest complete second, `energy_j` of all that was ever stored."""

    power_w: Mapping[Source, float] = field(default_factory=dict)
    energy_j: Mapping[Source, float] = field(default_factory=dict)


class MethodReader:
    """Asks ClickHouse; may be shared by threads. `connect` is called again after a failure.

    Energy never goes back: sums by hour are kept for ever, and what comes late only adds to them. It is asked for every
    `energy_every_s`, for it is a sum over all hours.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        energy_every_s: float = 10.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._energy_every_s = energy_every_s
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._energy_j: dict[Source, float] = {}
        self._energy_read_s: float | None = None

    def read(self, summary: Summary) -> ByMethod:
        """Return what there is of the lines of a summary. Raises `ClickHouseAwayError`."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = self._connect()
                power_w = self._power(self._client, summary)
                self._read_energy(self._client)
            except ClickHouseError as error:
                self._client = None
                raise ClickHouseAwayError(f"ClickHouse cannot answer ({why(error)})") from error
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
        now_s = self._elapsed()
        if self._energy_read_s is not None and now_s - self._energy_read_s < self._energy_every_s:
            return
        for *key, method, joules in client.query(_ENERGY, parameters=_PARAMETERS).result_rows:
            source = (Key(*key), method)
            self._energy_j[source] = max(float(joules), self._energy_j.get(source, 0.0))
        self._energy_read_s = now_s
