"""How a pool is cut into racks: which chips report in one message, at which second, and their labels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schema.fleet import Pool, apportion


@dataclass(frozen=True)
class Rack:
    """Neighbouring chips of one job that report in one message.

    `start` is the index of the first chip in the pool, `job` the index of its job (0 in an idle pool), `second`
    when in its cadence the rack reports, `key` its first host. `host` and `chip` are its label columns
    [count].
    """

    start: int
    count: int
    job: int
    second: int
    key: str
    host: pa.DictionaryArray
    chip: pa.DictionaryArray


def racks(pool: Pool, batch: int, cadence_s: int) -> list[Rack]:
    """Cut a pool into racks of at most `batch` chips, of whole hosts (one at least).

    Jobs get hosts by weight 1, 1/2, 1/3, ...; with a cadence of more than a second each job's hosts are
    spread evenly over its seconds, so that the load is flat.
    """
    width = pool.chip.chips_per_host
    per_rack = max(1, batch // width)
    codes = np.arange(per_rack * width, dtype=np.int16 if per_rack * width <= np.iinfo(np.int16).max else np.int32)
    host_codes = codes // width
    cut = []
    for job, second, first, last in _host_runs(pool, per_rack, cadence_s):
        start, end = first * width, min(last * width, pool.count)
        if start >= end:
            continue
        hosts = [f"{pool.host_prefix}{host:05d}" for host in range(first, last)]
        chips = [f"{host}/{index}" for host in hosts for index in range(width)][: end - start]
        cut.append(
            Rack(
                start=start,
                count=end - start,
                job=job,
                second=second,
                key=hosts[0],
                host=pa.DictionaryArray.from_arrays(host_codes[: end - start], pa.array(hosts)),
                chip=pa.DictionaryArray.from_arrays(codes[: end - start], pa.array(chips)),
            )
        )
    return cut


def _host_runs(pool: Pool, per_rack: int, cadence_s: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (job, second, first host, last host + 1) of each rack."""
    hosts = -(-pool.count // pool.chip.chips_per_host)
    shares = apportion(hosts, [1 / (index + 1) for index in range(max(1, len(pool.jobs)))])
    first = 0
    for job, share in enumerate(shares):
        edges = [first + share * second // cadence_s for second in range(cadence_s + 1)]
        for second in range(cadence_s):
            for host in range(edges[second], edges[second + 1], per_rack):
                yield job, second, host, min(host + per_rack, edges[second + 1])
        first += share
