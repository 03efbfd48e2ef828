"""Run a broker in the foreground: `python -m local.broker --state DIR --port 9092`."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click

from local.broker.choose import Kind, cache_directory, prepare
from local.broker.progress import download_shown
from local.broker.running import Broker
from local.ports import require_free
from producers.child import dying_with_us
from schema.errors import GigawattError
from schema.harmless import make_libraries_harmless
from schema.terminal import say

READY_WITHIN_S = 60.0


@click.command()
@click.option("--state", type=click.Path(path_type=Path), required=True, help="Directory for the topics.")
@click.option("--port", type=int, default=9092, show_default=True, help="Port for clients, on loopback.")
@click.option("--kind", type=click.Choice(Kind, case_sensitive=False), default="auto", show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), default=cache_directory, help="Directory for jars.")
def main(state: Path, port: int, kind: Kind, cache: Path) -> None:
    """Run a Kafka broker on this machine until SIGINT or SIGTERM."""
    make_libraries_harmless()
    try:
        require_free(port, flag="--port")
        with download_shown() as downloaded:
            broker = prepare(state, port, kind=kind, cache=cache, downloaded=downloaded)
        code = run(broker)
    except GigawattError as error:
        say(error, err=True)
        code = 1
    sys.exit(code)


def run(broker: Broker) -> int:
    """Start `broker`, say when it accepts, and wait for its end; 0 when it was asked to end."""
    asked_to_end = False
    if broker.notice:
        say(broker.notice, err=True)
    started = time.monotonic()
    command = dying_with_us(broker.argv)
    with subprocess.Popen(command, env=dict(broker.env), start_new_session=True) as process:  # noqa: S603 - ours

        def end(_signal: int, _frame: FrameType | None) -> None:
            nonlocal asked_to_end
            asked_to_end = True
            process.terminate()

        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        while process.poll() is None and not broker.is_ready():
            if time.monotonic() - started > READY_WITHIN_S:
                process.terminate()
                raise GigawattError(f"the broker was not ready within {READY_WITHIN_S:.0f} s")
            time.sleep(0.05)
        if process.poll() is None:
            after_s = time.monotonic() - started
            say(
                f"{broker.kind} {broker.version} is ready on {broker.bootstrap} after {after_s:.1f} s",
                err=True,
            )
        code = process.wait()
    return 0 if asked_to_end else code or 1


if __name__ == "__main__":
    main()
