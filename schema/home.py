"""The user's own directory, where HOME does not say: an empty one, as services and containers have, is none."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_NOWHERE: Final = Path("/nonexistent")


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return this user's home; one that does not exist for who has none, so that using it says so."""
    named = Path(environ.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return _NOWHERE
