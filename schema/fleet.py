"""The operator's fleet file: which chips stand where, on what budget, and what they do.

    [sites.iowa]
    utc_offset_h = -6

    [chips.h100-custom]       # only for models that the chip catalogue does not have
    platform = "nvidia"
    chips_per_host = 8        # these three are for a simulation of them
    idle_w = 80
    peak_w = 900

    [[pool]]
    site = "iowa"
    fleet = "frontier"
    model = "tpu-v7"          # of the chip catalogue, which knows the platform, or of [chips]
    count = 9216
    budget_mw = 7.5           # or budget_w; of the chips alone
    workload = "training"     # or inference, idle (the default)
    jobs = ["base-model"]     # the first is the largest
    host_prefix = "ia-t"      # hosts are named ia-t00000, ia-t00001, ...

    [[rack]]                  # only for racks that have a power meter of their own
    site = "iowa"
    name = "row-3-rack-12"    # as the meter's samples name it
    hosts = ["ia-t00012", "ia-t0002?", "ia-t01*"]  # ? stands for one character, * for any

    [[limits]]                # what alerting rules hold fleets to; the names are in schema/fleet_limits.py
    fleet = "reserve"         # of a site, a fleet or a platform, else of all; of two entries the later one counts
    idle_share = 1.0

`parse` is pure. Every error is a `FleetFileError` of one line with file, line and field.
"""

import dataclasses
import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast, get_args

from schema import chips
from schema.errors import GigawattError
from schema.files import read_text
from schema.fleet_chips import model_name, own_chip
from schema.fleet_limits import DEFAULTS, LIMITS
from schema.samples import PLATFORMS
from schema.toml_table import Table, TomlFieldError

Workload = Literal["training", "inference", "idle"]

DEFAULT_FILE: Final = "default_fleet.toml"
_MAX_UTC_OFFSET_H: Final = 14.0
_MAX_BUDGET_MW: Final = 1e6
_MAX_COUNT: Final = 10**9
_POOL_KEYS: Final = (
    *("site", "fleet", "platform", "model", "count", "budget_mw", "budget_w"),
    *("workload", "jobs", "host_prefix"),
)


class FleetFileError(GigawattError):
    """The fleet file cannot be used; the message is one line with file, line and field."""


@dataclass(frozen=True)
class Site:
    """A data centre; its clock runs `utc_offset_h` hours ahead of UTC, which moves the day's load."""

    name: str
    utc_offset_h: float


@dataclass(frozen=True)
class Pool:
    """Chips of one model in one site that belong to one fleet; `budget_w` is for all of them together."""

    site: Site
    fleet: str
    chip: chips.Chip
    count: int
    budget_w: float
    workload: Workload
    jobs: tuple[str, ...]
    host_prefix: str


@dataclass(frozen=True)
class Rack:
    """A rack with a power meter; `hosts` are names, or patterns in which ? and * stand for other characters."""

    site: Site
    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """Limits by name, for the fleets of a site, fleet or platform; an empty name stands for all of them."""

    site: str
    fleet: str
    platform: str
    values: Mapping[str, float]

    def hold_for(self, site: str, fleet: str, platform: str) -> bool:
        """Say whether that fleet is meant."""
        wanted = zip((self.site, self.fleet, self.platform), (site, fleet, platform), strict=True)
        return all(ours in ("", theirs) for ours, theirs in wanted)


@dataclass(frozen=True)
class Fleet:
    """A whole fleet file: its pools, racks and limits, in order."""

    pools: tuple[Pool, ...]
    racks: tuple[Rack, ...] = ()
    limits: tuple[Limits, ...] = ()

    @property
    def count(self) -> int:
        """Chips in all pools."""
        return sum(pool.count for pool in self.pools)


class Budget(NamedTuple):
    """One row of the `budgets` table."""

    site: str
    fleet: str
    platform: str
    budget_w: float
    chips_expected: int
    limits: Mapping[str, float] = DEFAULTS


class RackHost(NamedTuple):
    """One row of `rack_hosts`."""

    site: str
    rack: str
    host: str


def load(path: Path | None = None) -> Fleet:
    """Read and parse a fleet file; without a path, the default one that ships with Gigawatt.

    Raises `FleetFileError`.
    """
    if path is None:
        return parse(resources.files("schema").joinpath(DEFAULT_FILE).read_text("utf-8"), DEFAULT_FILE)
    try:
        text = read_text(path)
    except OSError as error:
        raise FleetFileError(f"cannot read the fleet file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FleetFileError(f"cannot read the fleet file {path}: it is not UTF-8 text") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Fleet:
    """Parse the text of a fleet file; `name` stands for the file in errors. Raises `FleetFileError`."""
    try:
        root = Table(tomllib.loads(text), (), text, name)
        return _fleet(root)
    except tomllib.TOMLDecodeError as error:
        raise FleetFileError(f"{name}: not TOML: {error}") from error
    except TomlFieldError as error:
        raise FleetFileError(str(error)) from error


def budgets(fleet: Fleet) -> list[Budget]:
    """Return one row per (site, fleet, platform), with the budgets and counts of its pools summed."""
    rows: dict[tuple[str, str, str], Budget] = {}
    for pool in fleet.pools:
        key = (pool.site.name, pool.fleet, pool.chip.platform)
        row = rows.get(key, Budget(*key, 0.0, 0, _limits_of(fleet, *key)))
        rows[key] = row._replace(budget_w=row.budget_w + pool.budget_w, chips_expected=row.chips_expected + pool.count)
    return list(rows.values())


def _limits_of(fleet: Fleet, site: str, name: str, platform: str) -> dict[str, float]:
    limits = dict(DEFAULTS)
    for entry in fleet.limits:
        if entry.hold_for(site, name, platform):
            limits |= entry.values
    return limits


def rack_hosts(fleet: Fleet) -> list[RackHost]:
    """Return one row per rack and host, or pattern of hosts."""
    return [RackHost(rack.site.name, rack.name, host) for rack in fleet.racks for host in rack.hosts]


def scaled(fleet: Fleet, count: int) -> Fleet:
    """Return the same picture with `count` chips in all, each pool's budget scaled with its chips.

    Every pool keeps at least one chip when there are enough for that.
    """
    counts = apportion(count, [pool.count for pool in fleet.pools])
    if count >= len(counts):
        for index in [index for index, share in enumerate(counts) if share == 0]:
            counts[counts.index(max(counts))] -= 1
            counts[index] = 1
    pools = [
        dataclasses.replace(pool, count=share, budget_w=pool.budget_w * share / max(pool.count, 1))
        for pool, share in zip(fleet.pools, counts, strict=True)
    ]
    return dataclasses.replace(fleet, pools=tuple(pools))


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split `total` into whole parts by weight, rounded by largest remainder; weights may not all be 0."""
    if total < 0:
        raise ValueError(f"cannot share out {total}")
    exact = [total * weight / math.fsum(weights) for weight in weights]
    parts = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def _fleet(root: Table) -> Fleet:
    root.allow(("sites", "chips", "pool", "rack", "limits"))
    own = {name: own_chip(table, name) for name, table in root.named_tables("chips").items()}
    models = {**chips.catalogue(), **own}
    sites = {name: _site(table, name) for name, table in root.named_tables("sites").items()}
    tables = root.tables("pool")
    if not tables:
        root.fail("pool", "missing; a fleet file needs at least one [[pool]]")
    pools = tuple(_pool(table, sites, models) for table in tables)
    names: set[tuple[str, str, str]] = set()
    prefixes: set[str] = set()
    for table, pool in zip(tables, pools, strict=True):
        key = (pool.site.name, pool.fleet, pool.chip.model)
        if key in names:
            table.fail("model", f"a second pool of {pool.chip.model} in fleet {pool.fleet!r} at {pool.site.name!r}")
        if pool.host_prefix in prefixes:
            table.fail("host_prefix", f"{pool.host_prefix!r} already names the hosts of another pool")
        names.add(key)
        prefixes.add(pool.host_prefix)
    limits = tuple(_limits(table, pools) for table in root.tables("limits"))
    return Fleet(pools, _racks(root.tables("rack"), sites), limits)


def _limits(table: Table, pools: Sequence[Pool]) -> Limits:
    table.allow(("site", "fleet", "platform", *LIMITS))
    known = {
        "site": {pool.site.name for pool in pools},
        "fleet": {pool.fleet for pool in pools},
        "platform": {pool.chip.platform for pool in pools},
    }
    of = {key: table.choice(key, sorted(names)) if key in table.values else "" for key, names in known.items()}
    values = {name: table.number(name, limit.low, limit.high) for name, limit in LIMITS.items() if name in table.values}
    if not values:
        table.fail("limits", f"sets no limit; limits are {', '.join(LIMITS)}")
    return Limits(**of, values=values)


def _site(table: Table, name: str) -> Site:
    table.allow(("utc_offset_h",))
    return Site(name, table.number("utc_offset_h", -_MAX_UTC_OFFSET_H, _MAX_UTC_OFFSET_H, 0.0))


def _declared(table: Table, sites: Mapping[str, Site]) -> Site:
    return sites[table.choice("site", sites)] if sites else table.fail("site", "declare the site as [sites.NAME]")


def _pool(table: Table, sites: Mapping[str, Site], models: Mapping[str, chips.Chip]) -> Pool:
    table.allow(_POOL_KEYS)
    site = _declared(table, sites)
    fleet = table.string("fleet")
    chip = models[model_name(table, models)]
    if table.choice("platform", PLATFORMS, chip.platform) != chip.platform:
        table.fail("platform", f"{chip.model} has platform {chip.platform!r}")
    workload = cast("Workload", table.choice("workload", get_args(Workload), "idle"))
    return Pool(
        site=site,
        fleet=fleet,
        chip=chip,
        count=table.integer("count", low=1, high=_MAX_COUNT),
        budget_w=_budget_w(table),
        workload=workload,
        jobs=_jobs(table, workload),
        host_prefix=table.string("host_prefix", f"{site.name}-{fleet}-{chip.model}-"),
    )


def _jobs(table: Table, workload: Workload) -> tuple[str, ...]:
    jobs = table.strings("jobs")
    if bool(jobs) == (workload == "idle"):
        table.fail("jobs", "an idle pool has no jobs" if jobs else f"a pool of {workload} needs at least one job")
    if len(set(jobs)) != len(jobs):
        table.fail("jobs", "lists a job twice")
    return jobs


def _budget_w(table: Table) -> float:
    given: Collection[str] = [key for key in ("budget_mw", "budget_w") if key in table.values]
    if len(given) != 1:
        table.fail("budget_mw", "set either budget_mw or budget_w")
    if "budget_mw" in given:
        return table.number("budget_mw", 0.0, _MAX_BUDGET_MW) * 1e6
    return table.number("budget_w", 0.0, _MAX_BUDGET_MW * 1e6)


def _racks(tables: Sequence[Table], sites: Mapping[str, Site]) -> tuple[Rack, ...]:
    racks: dict[tuple[str, str], Rack] = {}
    rack_of: dict[tuple[str, str], str] = {}
    for table in tables:
        table.allow(("site", "name", "hosts"))
        rack = Rack(_declared(table, sites), table.string("name"), table.strings("hosts"))
        if (rack.site.name, rack.name) in racks:
            table.fail("name", f"a second rack {rack.name!r} at {rack.site.name!r}")
        if not rack.hosts:
            table.fail("hosts", "lists no hosts")
        for host in rack.hosts:
            if set(host) & set("[]"):
                table.fail("hosts", f"{host!r}: only the wildcards ? and * are supported")
            if (other := rack_of.setdefault((rack.site.name, host), rack.name)) != rack.name:
                table.fail("hosts", f"{host!r} is already in rack {other!r}")
        racks[rack.site.name, rack.name] = rack
    return tuple(racks.values())
