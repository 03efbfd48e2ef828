"""`gigawatt bench`: what is wrong is told before anything is measured."""

import pytest
from click.testing import CliRunner

from bench.report.figures import MEASURED
from bench.report.page import BEGIN, END
from gigawatt.commands.bench import command
from tests.gigawatt.running import gigawatt


@pytest.mark.parametrize(
    "what",
    [(), ("--panels",), ("--attacks",), ("--produce", "simulated"), ("--peers",), ("--soak", "3"), ("--backlog", "9")],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path, what):
    done = gigawatt("bench", *what, "--json", str(tmp_path / "none" / "figures.json"))

    assert done.returncode == 1
    assert done.stderr == (
        f"gigawatt: cannot write {tmp_path}/none/figures.json (No such file or directory);"
        " choose another file with --json\n"
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--pods", "--batch", "8"), "both set the size of a message"),
        (("--peers", "--soak", "3"), "are different measurements"),
        (("--panels", "--attacks", "heavy"), "are different measurements"),
        (("--measured", "one.json"), "--measured works only with --report"),
        (("--peers", "--chips", "1000,2000"), "--peers measures a single run"),
        (("--soak", "3", "--workers", "1,2"), "--soak measures a single run"),
        (("--soak", "2"), "2 is not in the range"),
        (("--backlog", "nan"), "is not a finite number"),
        (("--backlog", "0"), "is not in the range"),
        (("--workers", "0"), "0 is not between 1 and 12"),
        (("--workers", "1,13"), "13 is not between 1 and 12"),
        (("--workers", "two"), "write numbers separated by commas"),
        (("--chips", "1000;2000"), "write numbers separated by commas"),
        (("--chips", "-1"), "-1 is not between 1"),
        (("--producers", "0"), "0 is not in the range"),
        (("--publish-every", "0"), "0 is not in the range"),
        (("--warm-up", "nan"), "is not a finite number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(flags, said):
    done = CliRunner().invoke(command, flags)

    assert done.exit_code == 2
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("text", ["# Nothing measured here", None])
def test_a_page_that_cannot_take_the_figures_is_told_before_anything_is_measured(tmp_path, text):
    path = tmp_path / "page.md"
    if text is None:
        path = tmp_path / "none" / "page.md"
    else:
        path.write_text(text)
    done = gigawatt("bench", "--report", str(path))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert text is None or path.read_text() == text


def test_the_page_is_made_again_from_figures_that_were_kept(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Ours\n\n{BEGIN}\n{END}\n")
    done = gigawatt("bench", "--report", str(page), "--measured", str(MEASURED))

    assert done.returncode == 0, done.stderr
    assert "Hosts of 8" in page.read_text()
    assert (tmp_path / "page.svg").read_text().startswith("<svg")
