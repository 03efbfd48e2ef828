"""What a rule says: the same words as a template that Grafana fills in, and filled in here.

Grafana's templates have the functions of Prometheus (`humanize` and its kin). Of these the preview needs three, and it
writes as they do: four significant digits.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

Unit = Literal["W", "W/s", "%", "s", "count"]

_TEMPLATES: Final[Mapping[Unit, str]] = MappingProxyType(
    {
        "W": "{{ humanize $values.B.Value }}W",
        "W/s": "{{ humanize $values.B.Value }}W/s",
        "%": "{{ humanizePercentage $values.B.Value }}",
        "s": "{{ humanizeDuration $values.B.Value }}",
        "count": '{{ printf "%.0f" $values.B.Value }}',
    }
)
_VALUE: Final = "{{ humanizePercentage $values.A.Value }}"
_OF_FIRST: Final[Mapping[Unit, str]] = MappingProxyType(
    {unit: text.replace("$values.B.Value", "(. | first | value)") for unit, text in _TEMPLATES.items()}
)
_NAME: Final = re.compile(r"\{(\w+)\}")
_PREFIXES: Final = ("", "k", "M", "G", "T", "P")
_SMALL_PREFIXES: Final = ("", "m", "u", "n", "p")


def template(text: str, title: str, labels: Sequence[str], unit: Unit) -> str:
    """Return the text as Grafana's template. Raises `KeyError` for a name that is no label.

    Where a query failed or had no rows Grafana knows neither A nor B, and mostly no label. A template that needs one of
    them then fails, and the notification carries the template itself: so the rule's title and the labels that are there
    take the place of the text.
    """
    known = {label: f"{{{{ $labels.{label} }}}}" for label in labels}  # there is no value without them
    known |= {"shown": _TEMPLATES[unit], "value": _VALUE}
    told = _NAME.sub(lambda match: known[match[1]], text)
    of = "".join(f"{{{{ with $labels.{label} }}}}, {{{{ . }}}}{{{{ end }}}}" for label in labels)
    instead = f"{title}{of}: no value now, the query failed or had no data."
    return (
        f"{{{{ with $values.A }}}}{{{{ with $values.B }}}}{told}{{{{ else }}}}{instead}{{{{ end }}}}"
        f"{{{{ else }}}}{instead}{{{{ end }}}}"
    )


def prometheus_template(text: str, name: str, labels: Sequence[str], unit: Unit) -> str:
    """Return the text as a template of Prometheus' alerts. Raises `KeyError` for a name that is no label.

    The value is the alert's own; the figure that it shows is asked for, and a question mark where there is none.
    """
    selectors = ",".join([f'rule=\\"{name}\\"', *(f"{label}=%q" for label in labels)])
    asked = "".join(f" $labels.{label}" for label in labels)
    query = f'printf "gigawatt_alert_shown{{{selectors}}}"{asked} | query'
    known = {label: f"{{{{ $labels.{label} }}}}" for label in labels}
    known["shown"] = f"{{{{ with {query} }}}}{_OF_FIRST[unit]}{{{{ else }}}}?{{{{ end }}}}"
    known["value"] = "{{ $value | humanizePercentage }}"
    return _NAME.sub(lambda match: known[match[1]], text)


def filled(text: str, labels: Mapping[str, str], unit: Unit, shown: float | None, value: float | None) -> str:
    """Return the text with its names filled in; a number that is not known is a question mark."""
    known = dict(labels)
    known["shown"] = "?" if shown is None else _WRITTEN[unit](shown)
    known["value"] = "?" if value is None else percentage(value)
    return _NAME.sub(lambda match: known.get(match[1], "?"), text)


def humanize(number: float) -> str:
    """Write a number with a metric prefix, as Prometheus does."""
    if number == 0 or not math.isfinite(number):
        return f"{number:.4g}"
    prefixes, step = (_PREFIXES, 1000.0) if abs(number) >= 1 else (_SMALL_PREFIXES, 0.001)
    prefix, scaled = "", number
    for prefix in prefixes:
        if (abs(scaled) < 1000 if step > 1 else abs(scaled) >= 1) or prefix == prefixes[-1]:  # noqa: PLR2004  metric
            break
        scaled /= step
    return f"{scaled:.4g}{prefix}"


def percentage(share: float) -> str:
    """Write a share as a percentage, as Prometheus does."""
    return f"{share * 100:.4g}%"


def humanize_duration(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds, as Prometheus does."""
    if not math.isfinite(seconds):
        return f"{seconds:.4g}"
    if 0 < abs(seconds) < 1:
        return f"{humanize(seconds)}s"
    sign, whole = ("-" if seconds < 0 else ""), int(abs(seconds))
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {whole % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {whole % 60}s"
    if minutes:
        return f"{sign}{minutes}m {whole % 60}s"
    return f"{seconds:.4g}s"


_WRITTEN: Final[Mapping[Unit, Callable[[float], str]]] = MappingProxyType(
    {
        "W": lambda number: f"{humanize(number)}W",
        "W/s": lambda number: f"{humanize(number)}W/s",
        "%": percentage,
        "s": humanize_duration,
        "count": lambda number: f"{number:.0f}",
    }
)
