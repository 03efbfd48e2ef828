"""Nothing that a label holds is obeyed by a terminal: in the table, the alerts, the lines, and in JSON."""

import dataclasses
import io
import json

import pytest
from hypothesis import given, settings
from rich.console import Group
from rich.table import Table
from rich.text import Text

from dashboards.live.alert_lines import alert_lines
from dashboards.live.console import Console
from dashboards.live.rows import (
    Key,
    MethodSum,
)
from dashboards.live.summary import Summary, summarize
from dashboards.live.terminal import one_line, show
from dashboards.preview import Alert
from local.screen import Screen
from tests.dashboards.live.test_summary import NOW, fleet, rows, second
from tests.texts import hidden_in, hostile


def summary_of(text: str) -> Summary:
    """Return what is shown of a store that holds such labels, from before they were refused."""
    key = Key(text, text, text)
    return summarize(
        dataclasses.replace(
            rows(),
            fleets={key: fleet(second(NOW - 2, 99), 1.0)},
            lines=[key],
            methods={key: [MethodSum(text, 1.0, 1.0, 1.0)]},
            refused_rows={text: 1},
        )
    )


def alert_of(text: str) -> Alert:
    return Alert(
        name=text, title=text, severity=text, state="Alerting", firing=True, labels={text: text}, since_ms=0, value=1.0,
        shown=1.0, unit=text, summary=text, runbook=text, dashboard_uid=text, panel_id=1,
    )  # fmt: skip


def printed(renderable, **options) -> str:
    to = io.StringIO()
    Console(file=to, width=200, color_system=None, **options).print(renderable)
    return to.getvalue()


@settings(deadline=None)
@given(hostile())
def test_labels_that_are_stored_already_are_shown_harmlessly(text):
    """Wherever `top` and `up` have them."""
    summary = summary_of(text)
    shown = printed(Group(show(summary, width=200), Text(), *alert_lines([alert_of(text)], 1_000)))

    assert hidden_in(shown) == []
    assert hidden_in(one_line(summary)) == []
    assert "\n" not in one_line(summary)
    # As many lines as there would be without any such label.
    assert len(shown.splitlines()) == len(
        printed(Group(show(summary_of("x"), width=200), Text(), *alert_lines([alert_of("x")], 1_000))).splitlines()
    )


def test_up_says_to_a_log_what_it_would_show():
    """And draws nothing."""
    lines, to = [], io.StringIO()
    screen = Screen(Console(file=to, width=80, force_terminal=True), log=lines.append, line_every_s=0)
    with screen.live():
        screen.say("ready")
        screen.show(summary_of("x"), [], "footer")

    assert lines[0] == "ready"
    assert len(lines) == 2
    assert to.getvalue() == ""


@settings(deadline=None)
@given(hostile())
def test_what_up_says_is_one_line(text):
    """A child's last words, a path, an error of ClickHouse's."""
    to = io.StringIO()
    Screen(Console(file=to, width=80)).say(text)

    assert hidden_in(to.getvalue()) == []
    assert to.getvalue().count("\n") == 1


@given(hostile())
def test_json_is_harmless_too(text):
    """`top --json` goes to a terminal as often as not."""
    told = summary_of(text).as_json() | {"alerts": [alert_of(text).as_json()]}

    assert hidden_in(json.dumps(told, indent=2)) == []


@given(hostile())
def test_the_console_lets_nothing_through_that_was_forgotten(text):
    """Also in a table, a plain string, and a style's own codes stay what they are."""
    table = Table(box=None)
    table.add_column(text)
    table.add_row(text)
    assert hidden_in(printed(Group(text, Text(text), table))) == []


@pytest.mark.parametrize("text", ["[red]iowa[/red]", "[link=file:///etc/passwd]x[/link]", "[/]", ":smile:", "[bold"])
def test_markup_in_a_label_is_a_name(text):
    """Rich's own way to write styles is not other people's."""
    assert printed(text, force_terminal=True) == f"{text}\n"


def test_what_rich_draws_stays():
    """The codes of styles are rich's own."""
    to = io.StringIO()
    Console(file=to, force_terminal=True, color_system="standard").print(Text("a\x1b[1mb", style="red"))

    assert to.getvalue() == "\x1b[31ma\\x1b[1mb\x1b[0m\n"
