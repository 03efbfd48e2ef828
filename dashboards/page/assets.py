"""The page's own files, and the chart library out of its installed package, as they are sent."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from schema.errors import GigawattError

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


@dataclass(frozen=True)
class Asset:
    """A file in memory; `tag` names its content."""

    body: bytes
    content_type: str
    tag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", f'"{hashlib.sha256(self.body).hexdigest()[:20]}"')

    def packed(self) -> bytes:
        """Return it gzipped; for 5 MB that takes some tenths of a second."""
        return gzip.compress(self.body, 6, mtime=0)


def static_files() -> Mapping[str, Asset]:
    """Return the page's files by their path below `static`. What is not in here is not sent."""
    return dict(_files(files("dashboards.page").joinpath("static"), ""))


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Asset]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _files(one, f"{prefix}{one.name}/")
        else:
            suffix = one.name[one.name.rfind(".") :]
            kind = _TYPES.get(suffix, "application/octet-stream")
            yield prefix + one.name, Asset(one.read_bytes(), kind)


def chart_library() -> Asset:
    """Return plotly.js as the package `plotly` brings it. Raises `GigawattError` where that is not installed."""
    try:
        script = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise GigawattError("the chart library is not installed; run: pip install plotly") from error
    return Asset(script, "text/javascript")
