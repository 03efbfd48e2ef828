"""libtpu's monitoring library, asked through a process of its own: a real one, with a stand-in for the library."""

import io
import json
import sys
import time

import pytest

from producers.tpu.monitoring import METRICS, MonitoringProcess, command, serve, told_by
from tests.producers.libtpu_python import python_with_libtpu

TOLD = {"tensorcore_util": ["13.60", "0.00"], "hbm_util": ["10.00", "0.00"]}
WITHIN_S = 20.0
"""To start a Python on a busy machine; an answer takes a millisecond."""


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def asked():
    """Make helpers that are ended after the test."""
    made = []

    def make(python, clock=time.monotonic):
        made.append(MonitoringProcess(command(python), clock=clock))
        return made[-1]

    yield make
    for process in made:
        process.close()
        process.close()  # closing what is closed is no error


def full(told):
    return {name: told.get(name, []) for name in METRICS}


def test_a_helper_tells_what_the_library_tells(asked, tmp_path):
    """Time and again; what the library prints is not among it."""
    helper = asked(python_with_libtpu(tmp_path, TOLD))

    assert helper.read(WITHIN_S) == full(TOLD)
    assert helper.read(WITHIN_S) == full(TOLD)
    assert helper.failure is None


def test_an_older_library_has_another_name(asked, tmp_path):
    """`monitoring`, without the `tpu`."""
    assert asked(python_with_libtpu(tmp_path, TOLD, name="monitoring")).read(WITHIN_S) == full(TOLD)


def test_a_metric_that_the_library_lacks_is_empty():
    """And does not cost the others."""

    class Monitoring:
        def get_metric(self, name):
            if name != "hbm_util":
                raise RuntimeError("no such metric")
            return self

        def data(self):
            return [1.5]

    answers = io.StringIO()
    serve(Monitoring(), ["\n", "\n"], answers)

    assert told_by(Monitoring()) == full({"hbm_util": ["1.5"]})
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [full({"hbm_util": ["1.5"]})] * 2


def test_a_python_without_libtpu_says_so(asked):
    """In one line, with which Python that is."""
    helper = asked(sys.executable)

    assert helper.read(WITHIN_S) == {}
    assert helper.failure == (
        f"cannot query libtpu's monitoring library with {sys.executable}: No module named 'libtpu'"
    )


def test_a_python_that_is_not_there_says_so(asked, tmp_path):
    """One line."""
    helper = asked(str(tmp_path / "python9"))

    assert helper.read(WITHIN_S) == {}
    assert "cannot be started: No such file" in helper.failure


def test_a_helper_that_takes_no_more_questions_is_no_exception():
    """It ended after its answer, and nobody knows until it is asked again."""
    once = "import os, sys; sys.stdin.readline(); os.close(0); print('{}', flush=True)"
    helper = MonitoringProcess([sys.executable, "-c", once])
    assert helper.read(WITHIN_S) == {}
    assert helper.failure is None

    assert helper.read(WITHIN_S) == {}
    assert helper.failure.endswith(": it ended")


@pytest.mark.parametrize(
    ("printing", "told"),
    [("b'{}\\n' * 20000", None), ("b'x' * 65536", "it ended")],
    ids=["answers that nobody asked for", "a line without an end"],
)
def test_a_helper_that_prints_without_end_is_read_by_the_question(printing, told):
    """What nobody asked for waits in the pipe, in no memory of ours; it is ended with all that it started."""
    forever = f"import os\nwhile True: os.write(1, {printing})"
    helper = MonitoringProcess([sys.executable, "-c", forever])
    assert helper.read(WITHIN_S) == {}
    process, answers = helper._process, helper._answers  # nothing else shows how much is held
    if told is None:
        time.sleep(0.2)
        assert answers.qsize() == 0
        assert helper.failure is None
        assert helper.read(WITHIN_S) == {}
        helper.close()
        assert process.poll() is not None
    else:
        assert helper.failure.endswith(told)


def test_a_library_that_ends_its_process_ends_the_helper_only(asked, tmp_path):
    """It has happened."""
    helper = asked(python_with_libtpu(tmp_path, sdk="import os; os.abort()"))

    assert helper.read(WITHIN_S) == {}
    assert helper.failure.endswith("it ended")


def test_a_helper_that_ended_is_started_again_a_minute_later(asked, tmp_path):
    """Not at every read."""
    clock, python = Clock(), tmp_path / "python"
    helper = asked(str(python), clock)
    assert helper.read(WITHIN_S) == {}
    python_with_libtpu(tmp_path, TOLD)
    assert helper.read(WITHIN_S) == {}
    clock.now_s += 60

    assert helper.read(WITHIN_S) == full(TOLD)
    assert helper.failure is None


def test_an_answer_that_comes_late_is_not_taken_for_a_new_one(asked, tmp_path):
    """What was asked a while ago tells of a while ago: it is asked again."""
    counted = "cls.reads += 1; time.sleep(0.05); cls.told = {'hbm_util': [str(cls.reads)]}"
    helper = asked(python_with_libtpu(tmp_path, each_read=counted))
    first = int(helper.read(WITHIN_S)["hbm_util"][0])
    assert helper.read(0.01) == {}
    until_s = time.monotonic() + WITHIN_S
    while not (told := helper.read(WITHIN_S)) and time.monotonic() < until_s:
        time.sleep(0.05)  # it is still thinking: that read asked nothing

    assert int(told["hbm_util"][0]) == first + 2 * len(METRICS)
    assert helper.failure is None


def test_a_helper_that_hangs_is_given_up_after_five_minutes(asked, tmp_path):
    """Till then it may be looking for a metadata server; no read waits for it again."""
    clock = Clock()
    helper = asked(python_with_libtpu(tmp_path, sdk="import time; time.sleep(600)"), clock)
    assert helper.read(0.1) == {}
    assert helper.failure is None
    clock.now_s += 301
    assert helper.read(0.1) == {}

    assert helper.failure.endswith("has not answered for 301 s")


def test_closing_ends_the_process(asked, tmp_path):
    """Nothing stays behind."""
    helper = asked(python_with_libtpu(tmp_path, TOLD))
    helper.read(WITHIN_S)
    process = helper._process
    helper.close()

    assert process.poll() is not None
