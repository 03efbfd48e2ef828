"""The parts of the stack on one machine, in the order in which they can start, under one supervisor."""

import asyncio
import http.client
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from local.broker import Broker, Kind, prepare
from local.broker.kafka import Retention
from local.outside import Outside
from local.room import log_bytes
from local.supervisor import Child, Supervisor
from schema import fleet as fleets
from schema.address import OFF, Address
from schema.clickhouse import ClickHouseAwayError, connect, why
from schema.disk import free_bytes
from schema.errors import EXIT_START_AGAIN, GigawattError
from schema.kafka import KafkaAdmin
from schema.migrate import set_budgets, upgrade
from schema.passwords import password_of
from schema.settings import Settings

HOST: Final = "127.0.0.1"
DEFAULT_CHIPS: Final = 5_000
DEFAULT_CHIPS_IN_MEMORY: Final = 500
"""For a broker that keeps its log in memory and never lets go of it: about 150 MB an hour."""
LOG_BYTES: Final = 3 * 2**29
"""All partitions of the samples topic together, besides one segment each; less on a small disk."""
SEGMENT_BYTES: Final = 16 * 2**20
_SHOWN: Final = 3

T = TypeVar("T")
Listeners = tuple[socket.socket, socket.socket | None]
"""On loopback, and on the address for other machines if there is one."""


@dataclass(frozen=True)
class Plan:
    """What is wanted. `chips` None is as many as suit the broker; `fleet_file` None is the default fleet.

    `outside` is how other machines reach ClickHouse and the page, None where they do not.
    `metrics` is where the simulated fleet serves its own, and on the ports after it each worker.
    """

    state: Path
    chips: int | None = None
    fleet_file: Path | None = None
    kafka_port: int = 9092
    clickhouse_port: int = 8123
    page_port: int = 8080
    workers: int = 1
    broker: Kind = Kind.AUTO
    outside: Outside | None = None
    metrics: Address | None = None

    @property
    def kafka(self) -> str:
        """As GIGAWATT_KAFKA has it."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def clickhouse(self) -> str:
        """As GIGAWATT_CLICKHOUSE has it."""
        return f"http://{HOST}:{self.clickhouse_port}"

    @property
    def clickhouse_directory(self) -> Path:
        """Where the engine keeps its data, its log and its password."""
        return self.state / "clickhouse"

    def clickhouse_to_read(self) -> str:
        """Return the same for the page, which may only read. It holds the password: never to be shown or handed on."""
        password = quote(password_of(self.clickhouse_directory), safe="")
        return f"http://page:{password}@{HOST}:{self.clickhouse_port}"

    @property
    def page(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.page_port}"


async def start(
    plan: Plan,
    supervisor: Supervisor,
    *,
    listeners: Listeners,
    said: Callable[[str], None],
    downloaded: Callable[[int, int], None],
) -> int:
    """Start everything but the page; return how many chips are simulated once samples are accepted.

    `listeners` are those of ClickHouse, on loopback and for other machines. They stay ours, so that nobody else can
    have the port, and with it the passwords of who asks there, while the engine starts, or starts again.

    Raises `GigawattError` when a part cannot be started.
    """
    partitions = Settings.read().partitions
    kept = log_bytes(LOG_BYTES, partitions * SEGMENT_BYTES, free_bytes(plan.state))
    retention = Retention(partition_bytes=kept // partitions, segment_bytes=SEGMENT_BYTES)
    broker = await in_thread(
        lambda: prepare(plan.state, plan.kafka_port, kind=plan.broker, retention=retention, downloaded=downloaded)
    )
    if broker.notice:
        said(broker.notice)
    fleet, chips = fleet_of(plan, broker.kind)
    # Workers and fleet wait by themselves for what they need, and have their libraries loaded by then.
    for number in range(plan.workers):
        await supervisor.start(worker(plan, number))
    if chips:
        await supervisor.start(simulated_fleet(plan, chips))
    await asyncio.gather(
        _start_log(plan, broker, supervisor, partitions, said),
        _start_store(plan, fleet, supervisor, said, listeners),
    )
    return chips


async def _start_log(
    plan: Plan, broker: Broker, supervisor: Supervisor, partitions: int, said: Callable[[str], None]
) -> None:
    await supervisor.start(
        Child(
            "broker",
            broker.argv,
            env=broker.env,
            is_ready=broker.is_ready,
            stop_within_s=broker.stop_within_s,
            stops_last=True,
        )
    )

    def create_topics() -> None:
        with KafkaAdmin(plan.kafka) as admin:
            admin.ensure(partitions, 1, said)

    await in_thread(create_topics)


async def _start_store(
    plan: Plan,
    fleet: fleets.Fleet | None,
    supervisor: Supervisor,
    said: Callable[[str], None],
    listeners: Listeners,
) -> None:
    passes = tuple(one.fileno() for one in listeners if one is not None)
    argv = (
        sys.executable, "-m", "local.clickhouse",
        "--path", str(plan.clickhouse_directory), "--listener", str(passes[0]),
        *(_served(plan.outside, passes[-1]) if plan.outside else ()),
    )  # fmt: skip
    await supervisor.start(
        Child(
            "clickhouse",
            argv,
            is_ready=lambda: answers(HOST, plan.clickhouse_port),
            stops_last=True,
            passes=passes,
            starts_again_on=EXIT_START_AGAIN,
        )
    )
    await in_thread(lambda: _prepare_store(plan, fleet, said))


def _served(outside: Outside, descriptor: int) -> tuple[str, ...]:
    key = ("--tls-key", str(outside.key)) if outside.key else ()
    return "--tls-listener", str(descriptor), "--tls-certificate", str(outside.certificate), *key


def _prepare_store(plan: Plan, fleet: fleets.Fleet | None, said: Callable[[str], None]) -> None:
    """Bring the tables up to date. Raises `GigawattError`: who asks here has started the engine, and cannot again."""
    try:
        client = connect(plan.clickhouse, database=None)
        for table, parts in broken_parts(client):
            said(f"{parts} damaged parts of the table {table} were set aside; their data is missing from its sums")
        upgrade(client, said)
        if fleet is not None:
            if plan.fleet_file is None:
                refuse_to_replace(own_budgets(client), plan)
            set_budgets(connect(plan.clickhouse), fleets.budgets(fleet), fleets.rack_hosts(fleet))
    except (ClickHouseAwayError, ClickHouseError) as error:
        directory = plan.clickhouse_directory
        raise GigawattError(
            f"the engine cannot serve {directory} ({why(error)}); see {plan.state / 'logs'}. If its files are damaged, "
            "move that directory away to start with an empty database, or choose another with --state"
        ) from error


def own_budgets(client: Client) -> list[str]:
    """Return the fleets with a budget that the default fleet does not have: the operator's own."""
    ours = {one[:3] for one in fleets.budgets(fleets.load())}
    rows = client.query("SELECT site, fleet, platform FROM gigawatt.budgets ORDER BY site, fleet, platform").result_rows
    return [" / ".join(row) for row in map(tuple, rows) if row not in ours]


def refuse_to_replace(own: Sequence[str], plan: Plan) -> None:
    """Raise `GigawattError` when a simulated fleet would replace the operator's budgets."""
    if own:
        raise GigawattError(
            f"{plan.state} has budgets of your own ({', '.join(own[:_SHOWN])}), which a simulated fleet would replace; "
            "use --chips 0, simulate your fleet with --fleet-file, or choose another directory with --state"
        )


def broken_parts(client: Client) -> list[tuple[str, int]]:
    """Return the tables of which the engine set damaged parts aside, and how many."""
    rows = client.query(
        "SELECT table, count() FROM system.detached_parts "
        "WHERE database = 'gigawatt' AND startsWith(reason, 'broken') GROUP BY table ORDER BY table"
    ).result_rows
    return [(str(table), int(parts)) for table, parts in rows]


def answers(host: str, port: int, timeout_s: float = 0.5) -> bool:
    """Whether ClickHouse answers: its port takes connections even while nobody is there to serve them."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def fleet_of(plan: Plan, broker: str) -> tuple[fleets.Fleet | None, int]:
    """Return the fleet whose budgets stand, and the number of its chips that are simulated.

    Without simulated chips, only a fleet file that was named sets budgets: those of the real chips.
    """
    if plan.chips == 0:
        return (fleets.load(plan.fleet_file) if plan.fleet_file else None), 0
    fleet = fleets.load(plan.fleet_file)
    most = DEFAULT_CHIPS if broker == "kafka" else DEFAULT_CHIPS_IN_MEMORY
    chips = min(most, fleet.count) if plan.chips is None else plan.chips
    return fleets.scaled(fleet, chips), chips


def worker(plan: Plan, number: int) -> Child:
    """Return one worker; it waits by itself for what it needs."""
    argv = (
        sys.executable, "-m", "gigawatt", "worker", "--kafka", plan.kafka, "--clickhouse", plan.clickhouse,
        "--name", f"up-{number + 1}", "--metrics", serves_metrics(plan, number + 1),
    )  # fmt: skip
    return Child(f"worker-{number + 1}", argv, starts_again_on=EXIT_START_AGAIN)


def simulated_fleet(plan: Plan, chips: int) -> Child:
    """Return the simulated fleet as a producer."""
    file = ("--fleet-file", str(plan.fleet_file)) if plan.fleet_file else ()
    argv = (
        sys.executable, "-m", "gigawatt", "produce", "simulated", "--chips", str(chips), *file, "--to", plan.kafka,
        "--metrics", serves_metrics(plan, 0),
    )  # fmt: skip
    return Child("fleet", argv)


def serves_metrics(plan: Plan, number: int) -> str:
    """Return where a child serves its metrics, or `off`: never what stands in the environment, which is of all."""
    if plan.metrics is None:
        return OFF
    port = plan.metrics.port
    return str(plan.metrics._replace(port=port + number if port else 0))


async def in_thread(call: Callable[[], T]) -> T:
    """Run `call` in a daemon thread: unlike an executor's, nobody waits for it when the stack is to stop."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if answer.cancelled():
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # it is a T when there is no error

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as caught:  # noqa: BLE001 - raised again where it is awaited
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await answer
