"""All hosts' exporters in one process: `python -m bench.peers.exporter --chips N --batch B --targets PATH`.

Each host is a path of one HTTP server on loopback, and a target in the file that it writes when it is ready. It is as
cheap as it can be, and counts nowhere. `/count` says how many samples were read of it so far.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

import click

from bench.peers.pages import Page, pages

COUNT: Final = "/count"
_HOST: Final = "127.0.0.1"
_END: Final = b"\r\n\r\n"


class Pages:
    """What is served, and how much of it was read."""

    def __init__(self, served: list[Page]) -> None:
        self.read = {"samples": 0, "values": 0, "pages": 0}
        self._values = sum(page.values for page in served) / sum(page.chips for page in served)
        self._pages = served
        self._by_path = {f"/{number}".encode(): number for number in range(len(served))}
        self._answers = [[_answer(text) for text in page.texts] for page in served]

    def answer(self, path: bytes) -> bytes:
        """Return the answer to a request of this path, which is the second's."""
        number = self._by_path.get(path)
        if number is None:
            return _answer(json.dumps({**self.read, "values_per_sample": self._values}).encode())
        self.read["samples"] += self._pages[number].chips
        self.read["values"] += self._pages[number].values
        self.read["pages"] += 1
        of_second = self._answers[number]
        return of_second[int(time.time()) % len(of_second)]

    def targets(self, port: int) -> list[dict[str, object]]:
        """Return the hosts as a file of targets names them."""
        return [
            {
                "targets": [f"{_HOST}:{port}"],
                "labels": {"__metrics_path__": f"/{number}", "instance": page.key, **page.labels},
            }
            for number, page in enumerate(self._pages)
        ]


class Http(asyncio.Protocol):
    """One connection: answers each request by its path, and looks at nothing else of it."""

    def __init__(self, served: Pages) -> None:
        self._served = served
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are whole."""
        *requests, self._waiting = (self._waiting + data).split(_END)
        for request in requests:
            path = request.split(b" ", 2)[1].partition(b"?")[0]
            self._transport.write(self._served.answer(path))  # type: ignore[attr-defined]  # of a TCP server


def _answer(body: bytes) -> bytes:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


@click.command()
@click.option("--chips", required=True, type=click.IntRange(1), help="Size of the fleet.")
@click.option("--batch", required=True, type=click.IntRange(1), help="Chips per host.")
@click.option("--targets", required=True, type=click.Path(path_type=Path), help="File to write the targets to.")
def main(chips: int, batch: int, targets: Path) -> None:
    """Serve a page for each host of a simulated fleet until SIGTERM."""
    served = Pages(pages(chips, batch, int(time.time())))
    asyncio.run(_serve(served, targets))


async def _serve(served: Pages, targets: Path) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Http(served), _HOST, 0, backlog=4096)
    whole = targets.with_suffix(".new")
    whole.write_text(json.dumps(served.targets(server.sockets[0].getsockname()[1])))
    whole.rename(targets)
    await server.serve_forever()


if __name__ == "__main__":
    main()
