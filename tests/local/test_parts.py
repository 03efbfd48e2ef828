"""The libraries of the stack on one machine are those of the extra `local`; without them: test_image.py."""

import re
import tomllib
from pathlib import Path

from local.parts import PARTS, require_parts

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_they_are_the_extra_of_the_project():
    extra = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["optional-dependencies"]["local"]

    assert {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in extra} == set(PARTS)


def test_a_checkout_has_them():
    require_parts()
