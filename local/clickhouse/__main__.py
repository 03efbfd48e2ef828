"""`python -m local.clickhouse --path DIR --port 8123`: the engine on a directory, served on loopback."""

import asyncio
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import aiohttp.web  # noqa: F401  it reads the system's media types, which a confined process may not
import click

# The engine takes its time zone from here when it is imported, and every time in Gigawatt is UTC.
os.environ["TZ"] = "UTC"
# Of what queries free, the engine's allocator keeps most for some seconds: five large queries in a row held three times
# the memory of one. Kept for 0.2 s, and longer where nothing asks for memory again, large queries side by side still
# held 150 to 300 MB of nobody's. Not kept at all, inserts and queries take half as much CPU time again; for 5 ms and
# given back by a thread of its own, no more than before.
os.environ["JE_MALLOC_CONF"] = "dirty_decay_ms:5,muzzy_decay_ms:0,background_thread:true"

from local.clickhouse.config import READER, WRITER, EngineConfig, users
from local.clickhouse.confine import confine
from local.clickhouse.place import CONFIG, DATA, SCRATCH, NotOpenedError, handed_over, listening, owned
from local.clickhouse.watchdog import Resident
from schema.errors import EXIT_NOT_AGAIN, GigawattError
from schema.harmless import make_libraries_harmless
from schema.passwords import noted, password_of
from schema.served_tls import Served
from schema.terminal import say

_HOST = "127.0.0.1"
_OTHERS = {"reader": READER, "writer": WRITER}
_OLDEST = version("chdb").startswith("3.")
"""ClickHouse 25.8, the oldest engine that is served."""


@click.command()
@click.option("--path", type=click.Path(path_type=Path, file_okay=False), required=True, help="Data directory.")
@click.option("--port", type=click.IntRange(0, 65535), default=8123, show_default=True)
@click.option("--listener", type=click.IntRange(min=0), help="File descriptor of the listening socket.")
@click.option("--memory-mb", type=click.IntRange(min=512), help="Memory limit of the engine; half of the machine's.")
@click.option(
    "--tls-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Serve https with this certificate (PEM), which may be renewed. Every user then needs a password.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key of the certificate.  [default: in the same file]",
)
@click.option(
    "--tls-listener",
    type=click.IntRange(min=0),
    help="File descriptor of the listening socket for https; the other one then serves http.",
)
@click.option(
    "--grace", type=float, default=5.0, show_default=True, help="Seconds to wait for running requests at a stop."
)
def main(
    *,
    path: Path,
    port: int,
    listener: int | None,
    memory_mb: int | None,
    grace: float,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_listener: int | None,
) -> None:
    """Serve the ClickHouse HTTP protocol with the chDB engine.

    The user `default` may do everything, with the password in the file `password` of the data directory. The user
    `grafana` may read the database, without a password where the kernel keeps the engine from everything else. With
    --tls-certificate, that user has a password, in `password-grafana`, and there is `gigawatt_worker`, who may read,
    and store what workers store, with that in `password-gigawatt_worker`.
    """
    make_libraries_harmless()
    config = EngineConfig(merge_buffers_grow=not _OLDEST)
    if memory_mb:
        config = replace(config, memory_bytes=memory_mb * 1_000_000)
    os.umask(0o077)
    try:
        path = path.resolve()
        served = Served(tls_certificate.absolute(), tls_key and tls_key.absolute()) if tls_certificate else None
        accepting = partial(listening, _HOST, port) if listener is None else partial(handed_over, listener)
        outside = nullcontext() if tls_listener is None else handed_over(tls_listener)
        with owned(path), accepting() as here, outside as there, noted(here.getsockname()[1], path):
            _serve(path, here, outside=there, served=served, config=config, grace_s=grace)
    except GigawattError as error:
        say(error, err=True)  # the one line for the operator
        sys.exit(EXIT_NOT_AGAIN if isinstance(error, NotOpenedError) else 1)


def _serve(
    path: Path,
    listener: socket.socket,
    *,
    outside: socket.socket | None,
    served: Served | None,
    config: EngineConfig,
    grace_s: float,
) -> None:
    password = password_of(path)
    # Whoever is told of a certificate is to be asked from elsewhere, and then nobody is let in without a password.
    others = {f"{kind}_password": password_of(path, user) for kind, user in _OTHERS.items()} if served else {}
    table = users(password=password, **others)
    config.write(path / CONFIG, table)
    os.environ["TMPDIR"] = str(path / SCRATCH)
    # Where the engine cannot read the first, it looks for the same behind the environment, where it is no more once a
    # variable was set, and crashes now and then. That of chDB 3 cannot do without what is said of its threads, either.
    # Where it cannot read the last, its allocator gives memory back page by page: 4,000 columns as ORC left no maps.
    told = [Path("/proc/self/auxv"), Path("/proc/sys/vm/overcommit_memory")]
    if _OLDEST:
        told.append(Path("/proc/self/task"))
    resident = Resident()
    # A renewed certificate is another file beside the first one, or beside what that is a link to.
    kept = [place for file in (served.files if served else ()) for place in (file.parent, file.resolve().parent)]
    open_to = confine([path / DATA, path / SCRATCH], [path / CONFIG, *told, *kept])
    if open_to:
        table = users(password=password, **{"reader_password": password, **others})
        say(f"readers need the password too, because the engine is not confined: {open_to}", err=True)
    # Not before: the engine's first threads are born with its import, and must be born confined. And in a thread, since
    # what the engine asks of its main thread stands in /proc.
    with ThreadPoolExecutor(1) as importer:
        serve = importer.submit(import_module, "local.clickhouse.process").result().serve
    asyncio.run(
        serve(
            path,
            listener,
            name=config.display_name,
            user_table=table,
            memory_bytes=config.memory_bytes,
            resident=resident,
            grace_s=grace_s,
            outside=outside,
            served=served,
        )
    )


main()
