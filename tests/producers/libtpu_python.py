"""A stand-in for a Python that has libtpu: ours, with a package of that name and shape in its path."""

import sys
from pathlib import Path
from shlex import quote

SDK = """
import os, sys, time

os.write(1, b"libtpu prints what it likes\\n")
os.write(2, b"and complains\\n")


class Metric:
    def __init__(self, texts):
        self._texts = texts

    def data(self):
        return self._texts

    def description(self):
        return "Measures something."


class tpumonitoring:
    told = {told!r}
    reads = 0

    @classmethod
    def get_metric(cls, name):
        {each_read}
        if name not in cls.told:
            raise RuntimeError(f"no metric {{name}}")
        return Metric(cls.told[name])


{name} = tpumonitoring
"""


def python_with_libtpu(directory: Path, told=None, *, each_read="pass", name="tpumonitoring", sdk=None) -> str:
    """Write the stand-in; return the path of the interpreter to be run. `sdk` is its whole text instead."""
    package = directory / "site" / "libtpu"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    text = SDK.format(told=told or {}, each_read=each_read, name=name) if sdk is None else sdk
    (package / "sdk.py").write_text(text)
    python = directory / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={quote(str(package.parent))} exec {quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return str(python)
