from dashboards.live.alert_lines import alert_lines, alert_words
from dashboards.preview import Alert

NOW_MS = 1_760_000_000_000


def alert(state="Alerting", severity="critical", *, for_s=30, number=0):
    return Alert(
        name="gigawatt-budget-exceeded",
        title="Budget exceeded",
        severity=severity,
        state=state,
        firing=state in {"Alerting", "Recovering"},
        labels={"site": f"site-{number}"},
        since_ms=NOW_MS - for_s * 1000,
        value=1.02,
        shown=3.1e6,
        unit="watt",
        summary=f"site-{number} / frontier (tpu) draws 3.1 MW, 102 % of its budget.",
        runbook="docs/runbooks.md#budget-exceeded",
        dashboard_uid="gigawatt-fleet-power",
        panel_id=6,
    )


def said(alerts):
    return [line.plain for line in alert_lines(alerts, NOW_MS)]


def test_an_alert_is_a_line_with_its_state_what_it_says_and_since_when():
    assert said([alert(for_s=600), alert("Pending", number=1)]) == [
        "alerts: 1 firing, 1 pending",
        "  alerting Budget exceeded: site-0 / frontier (tpu) draws 3.1 MW, 102 % of its budget.  for 10 min",
        "  pending Budget exceeded: site-1 / frontier (tpu) draws 3.1 MW, 102 % of its budget.  for 30.0 s",
    ]


def test_who_has_looked_but_once_does_not_know_since_when():
    assert not any(" for " in line.plain for line in alert_lines([alert("Pending")]))


def test_many_alerts_are_counted_and_the_worst_named():
    lines = said([alert(number=number) for number in range(20)])

    assert lines[0] == "alerts: 20 firing"
    assert len(lines) == 8
    assert lines[-1] == "and 14 more"


def test_an_alert_that_is_over_and_kept_for_a_while_does_not_count_as_firing():
    assert alert_words([alert("Recovering"), alert("Alerting")]) == "alerts: 1 firing, 1 recovering"


def test_silence_is_not_taken_for_health():
    """Rules that were not evaluated yet, and those that have no answer, are no calm."""
    assert said([]) == ["alerts: none"]
    assert said(None) == ["alerts: not evaluated yet"]
    assert alert_words([alert("Error"), alert("NoData")]) == "alerts: 2 without an answer"
