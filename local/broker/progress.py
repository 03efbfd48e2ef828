"""Show a download: a bar on a terminal, a line at each quarter otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from dashboards.live.console import Console

WHAT = "downloading Apache Kafka (once)"


@contextmanager
def download_shown(console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Give a function that takes bytes done and bytes in all, and shows nothing until it is called."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lines(console)
        return
    columns = (TextColumn(WHAT), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(WHAT, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def lines(console: Console) -> Callable[[int, int], None]:
    """Print a plain line when the download begins and at each quarter of it."""
    quarters_said = -1

    def show(done: int, total: int) -> None:
        nonlocal quarters_said
        quarters = 4 * done // total
        if quarters > quarters_said:
            quarters_said = quarters
            console.print(f"{WHAT}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", highlight=False, soft_wrap=True)

    return show
