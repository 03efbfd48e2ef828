"""`gigawatt dashboards push`."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

import dashboards
from dashboards import desired, names, push, supported
from dashboards.grafana import Grafana
from dashboards.push import Change
from dashboards.rule import load_rules
from gigawatt import options
from schema.errors import GigawattError
from schema.files import read_text
from schema.terminal import say

TOKEN: Final = "GIGAWATT_GRAFANA_TOKEN"  # noqa: S105  the variable's name
_MODELS: Final = Path(dashboards.__file__).parent / "json"
_DONE: Final = {"create": "created", "update": "updated", "delete": "deleted"}


@click.command()
@click.option(
    "--url",
    metavar="URL",
    envvar="GIGAWATT_GRAFANA",
    default="http://127.0.0.1:3000",
    show_default=True,
    help="Address of Grafana.  [env: GIGAWATT_GRAFANA]",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"Read the token from this file instead of {TOKEN}.",
)
@options.clickhouse
@click.option("--dry-run", is_flag=True, help="Only show what would change; exit status 1 if anything would.")
@click.option(
    "--prune", is_flag=True, help="Delete dashboards and rules that Gigawatt no longer has; only in its own folder."
)
@click.option(
    "--skip-data-source", is_flag=True, help="Do not change the data source, for example if a file provisions it."
)
@click.option(
    "--send-password",
    is_flag=True,
    help="Send the data source's password again; Grafana does not report whether it changed.",
)
def command(
    *,
    url: str,
    token_file: Path | None,
    clickhouse: str,
    dry_run: bool,
    prune: bool,
    skip_data_source: bool,
    send_password: bool,
) -> None:
    """Publish dashboards and alert rules to a Grafana. Safe to run again.

    Also publishes the folder and the data source. Needs Grafana 11.6 or newer with the ClickHouse plugin 4.20 or newer;
    12.0 is the first that keeps alerts firing.

    Only differences are written, and concurrent changes by others are not overwritten. The token in
    GIGAWATT_GRAFANA_TOKEN or --token-file belongs to a service account with the role Admin. The data source connects as
    the read-only user `grafana`; --clickhouse is the address at which Grafana reaches ClickHouse. Passwords of other
    users are not sent.

    Contact points, policies and mute timings are not published: Grafana deprecates their API from 13.1 on. They are
    files in dashboards/alerting.

    Exit status 1 if something could not be written.
    """
    set_on_retry_hooks([_tell_of_retry])
    grafana = Grafana(url, _token(token_file))
    version = grafana.version()
    _note(f"Grafana {version} at {grafana.address}")
    folder_uid, *others = push.folders(grafana)
    for doubt in supported.doubts(version, grafana.plugin_version(names.DATA_SOURCE_TYPE)):
        _note(doubt)
    if others:
        _note(
            f"several folders are named {names.FOLDER_TITLE}; {folder_uid} is used. Move the contents of "
            f"{', '.join(others)} there and delete it"
        )
    rules = load_rules()
    items = [
        desired.folder(folder_uid),
        *([] if skip_data_source else [desired.data_source(clickhouse)]),
        *desired.read_dashboards(_MODELS, folder_uid),
        *desired.rules(
            (rule.api_form(folder_uid) for rule in rules), {rule.group.name: rule.group.interval_s for rule in rules}
        ),
    ]
    if not skip_data_source and not desired.hers(clickhouse):
        _note(f"the password of --clickhouse is not sent: it is not that of the user {names.DATA_SOURCE_USER}")
    changes = push.plan(items, push.look(grafana, items), prune=prune, send_password=send_password)
    if dry_run:
        sys.exit(_show_plan(changes))
    else:
        _push(grafana, changes)
        if not skip_data_source and (trouble := grafana.data_source_trouble(names.DATA_SOURCE_UID)):
            _note(f"Grafana cannot query the data source: {trouble}")


def _token(path: Path | None) -> str:
    token = (os.environ.get(TOKEN, "") if path is None else read_text(path)).strip()
    if not token:
        raise GigawattError(
            f"no token; put the token of a Grafana service account with the role Admin into {TOKEN}, or into a file "
            "for --token-file"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise GigawattError(f"{path or TOKEN} does not contain a Grafana token")
    return token


def _show_plan(changes: Sequence[Change]) -> int:
    """Say what would be done, with every difference; return the exit status."""
    for change in changes:
        if change.action != "unchanged":
            _line(change.action, change)
        for entry in change.differences:
            for line in entry.splitlines():
                say(f"    {line}")
    counts = Counter[str](change.action for change in changes)
    say(f"{_summary(counts, 'to create', 'to update', 'to delete')}; nothing was written")
    return int(bool(counts.keys() & {*push.WRITES, "locked"}))


def _push(grafana: Grafana, changes: Sequence[Change]) -> None:
    """Make the changes, reporting each when it is made. Raises `GigawattError` when some were not."""
    counts = Counter[str](change.action for change in changes if change.action not in push.WRITES)
    for change in changes:
        if change.action in ("locked", "leave"):
            _line(change.action, change)
    for change, trouble in push.apply(grafana, changes):
        counts["failed" if trouble else change.action] += 1
        if trouble:
            _line("failed", change, trouble)
        else:
            _line(_DONE[change.action], change, _how_many(change.differences))
    say(_summary(counts, "created", "updated", "deleted"))
    if counts["failed"] or counts["locked"]:
        raise GigawattError(f"{counts['failed'] + counts['locked']} of {len(changes)} could not be written")


def _line(word: str, change: Change, detail: str = "") -> None:
    detail = (
        detail
        or change.reason
        or ("no longer part of Gigawatt; --prune deletes it" if change.action == "leave" else "")
    )
    say(f"{word:<8} {change.item.kind:<11} {change.item.title}{': ' if detail else ''}{detail}")


def _how_many(differences: Sequence[str]) -> str:
    return f"{len(differences)} difference{'s' * (len(differences) != 1)}" if differences else ""


def _summary(counts: Counter[str], create: str, update: str, delete: str) -> str:
    words = {"create": create, "update": update, "delete": delete, "unchanged": "unchanged"}
    words |= {"locked": "locked", "failed": "failed", "leave": "left over"}
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])


def _note(text: str) -> None:
    say(text, err=True)


def _tell_of_retry(details: RetryDetails) -> None:
    _note(f"{details.caused_by}; retrying in {details.wait_for:.1f} s")
