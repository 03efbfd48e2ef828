"""What can be said of a query's text: macros and variables that would not be filled in where it is sent from."""

import re
from collections.abc import Iterator
from typing import Final

from dashboards.check.complaint import Complaint

_FRONT_END: Final = re.compile(r"\$__(?:conditionalAll|adHocFilters)\b|\$\{\w+(?::\w+)?\}|\$(?!__)\w+")
_LEFT: Final = re.compile(r"\$__\w+|\$\{[^}]*\}?|\$\w+")
_FRAGMENT: Final = re.compile(r"(?<![\w'@])@[a-z_]\w*")
_ENDING: Final = re.compile(r";\s*$|\bFORMAT\s+\w+\s*;?\s*$", re.IGNORECASE)


def unfit_for_rules(sql: str) -> Iterator[Complaint]:
    """Say what of a rule's query only a dashboard would fill in: rules are evaluated without a front end."""
    for name in sorted({match[0] for match in _FRONT_END.finditer(sql)}):
        yield Complaint(f"{name} is filled in by dashboards only", "write the condition without it")


def left_over(expanded: str) -> Iterator[Complaint]:
    """Say what is still to be filled in once everything that is known was."""
    for name in sorted({match[0] for match in _LEFT.finditer(expanded)}):
        if name.startswith("$__all"):
            remedy = "put the condition into $__conditionalAll(..., $variable)"
        elif name.startswith("$__"):
            remedy = "use a macro that the plugin has, as dashboards/macros.py lists them"
        else:
            remedy = "declare the variable on the dashboard, or correct its name"
        yield Complaint(f"{name} is not filled in", remedy)
    for name in sorted({match[0] for match in _FRAGMENT.finditer(expanded)}):
        yield Complaint(f"the fragment {name} is not filled in", "build the dashboards again")
    if _ENDING.search(expanded):
        yield Complaint("it ends with a semicolon or a FORMAT", "remove that: the plugin adds its own")
