import pytest
from click import Option
from structlog.testing import capture_logs

from producers.recorded_csv import RecordingError
from producers.source import SourceDoneError, Tick, Where
from producers.sources.replay import NO_HOST, OPTIONS, Replay, by_host, open_source, shifted
from schema import wire
from tests.batches import NOW_MS, batch
from tests.producers.test_recordings import FORMATS, write

NOW = NOW_MS + 86_400_000


def ticks(count):
    return [Tick(NOW + 1000 * number, 1000) for number in range(count)]


def recorded(seconds=5, hosts=("a", "b")):
    """One sample per host and second."""
    times = [NOW_MS + 1000 * second for second in range(seconds) for _ in hosts]
    names = [host for _ in range(seconds) for host in hosts]
    return batch(ts=times, host=names, chip=names)


def play(source):
    """Read until done; return the seconds of the samples of each read, from the recording's first."""
    told = []
    for tick in ticks(100):
        try:
            batches = source.read(tick)
        except SourceDoneError:
            return told
        told.append([(ms - NOW_MS) / 1000 for batch in batches for ms in wire.columns([batch.samples]).ts_ms.tolist()])
    raise AssertionError("never done")


def test_samples_come_at_their_own_pace():
    """A second of the recording takes a second; times stay as they were."""
    assert play(Replay([recorded()], speed=1, shift_to_now=False)) == [[second, second] for second in range(5)]


def test_samples_come_scaled():
    """Twice as fast: two recorded seconds at each tick; half as fast: at every other tick nothing."""
    assert play(Replay([recorded(hosts=("a",))], speed=2, shift_to_now=False)) == [[0], [1, 2], [3, 4]]
    assert play(Replay([recorded(2, hosts=("a",))], speed=0.5, shift_to_now=False)) == [[0], [], [1]]


def test_at_once_is_a_block_a_read():
    """No more than a block is held at a time."""
    assert play(Replay([recorded(2, ("a",)), recorded(3, ("a",))], speed=0, shift_to_now=False)) == [[0, 1], [0, 1, 2]]
    assert Replay([], speed=0, shift_to_now=False).default_period_s == 0


def test_times_can_be_shifted_to_now():
    """The first sample is of the first tick, and the distances stay."""
    source = Replay([recorded(3, ("a",))], speed=1, shift_to_now=True)
    told = [source.read(tick)[0].samples for tick in ticks(3)]

    assert [wire.columns([samples]).ts_ms.tolist() for samples in told] == [[NOW], [NOW + 1000], [NOW + 2000]]


def test_played_at_once_the_last_sample_is_now(tmp_path):
    """With the first one there, the others would be samples of the future."""
    path = write(tmp_path / "recording", "parquet", recorded(3, ("a",)))
    source = open_source(Where(), files=[path], speed=1, at_once=True, shift_to_now=True)

    times = wire.columns([source.read(ticks(1)[0])[0].samples]).ts_ms.tolist()
    assert times == [NOW - 2000, NOW - 1000, NOW]


@pytest.mark.parametrize(("shift", "said"), [(False, 1), (True, 0)])
def test_the_operator_is_told_that_old_samples_will_be_rejected(tmp_path, shift, said):
    """Before they are, and of the flag that helps."""
    path = write(tmp_path / "recording", "parquet", batch(ts=[1_500_000_000_000]))
    with capture_logs() as lines:
        open_source(Where(), files=[path], speed=1, at_once=False, shift_to_now=shift)

    assert sum("too_late; use --shift-to-now" in line["event"] for line in lines) == said


def test_a_recording_of_nvidia_smi_has_the_labels_of_the_flags(tmp_path):
    """It has none of its own; a zone that is not known is told of."""
    path = tmp_path / "node-12.csv"
    path.write_text("timestamp, index, power.draw [W]\n2024/05/14 10:11:12, 0, 150 W\n")
    options = {"files": [path], "speed": 1, "at_once": False, "shift_to_now": False, "model": "h100-sxm"}
    source = open_source(Where("iowa", "lab", once=True), **options)

    (told,) = source.read(Tick(NOW, 1000))
    (row,) = told.samples.to_pylist()
    assert (told.key, row["site"], row["fleet"], row["model"]) == ("node-12", "iowa", "lab", "h100-sxm")
    with pytest.raises(RecordingError, match="--timezone Mars: unknown time zone"):
        open_source(Where(), **options, timezone="Mars")


def test_a_missing_time_stays_missing():
    """Nothing is made up by shifting."""
    samples = batch(ts=[NOW_MS, None])

    assert shifted(samples, 5).column("ts").cast("int64").to_pylist() == [NOW_MS + 5, None]


def test_each_host_gets_its_own_batch():
    """Rows keep their order, labels of other hosts are not in it, and a row without a host has a key too."""
    batches = by_host(batch(host=["b", "a", "b", None], chip=["1", "2", "3", "4"]))

    told = {told.key: told.samples.column("chip").to_pylist() for told in batches}
    assert told == {"b": ["1", "3"], "a": ["2"], NO_HOST: ["4"]}
    assert batches[0].samples.column("chip").dictionary.to_pylist() != ["1", "2", "3", "4"]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_played(tmp_path, kind):
    """Whatever the file, the samples of its host come out."""
    path = write(tmp_path / "recording", kind)
    source = open_source(Where(once=True), files=[path, path], speed=1, at_once=False, shift_to_now=False)
    played = [source.read(tick) for tick in ticks(2)]

    assert [told.samples.column("chip").to_pylist() for batches in played for told in batches] == [["a", "b", "c"]] * 2
    with pytest.raises(SourceDoneError):
        source.read(Tick(NOW, 1000))


def test_a_file_without_a_column_that_samples_need_is_refused_before_any_is_played(tmp_path):
    """Nothing of the first file is published when the second is no recording of samples."""
    good = write(tmp_path / "good", "parquet")
    bad = write(tmp_path / "bad", "parquet", batch().drop_columns(["fleet"]))
    with pytest.raises(RecordingError, match="bad has no column fleet"):
        open_source(Where(), files=[good, bad], speed=1, at_once=False, shift_to_now=False)


def test_rows_that_break_the_contract_are_played_as_they_are(tmp_path):
    """The worker refuses them, and says why: the replay hides nothing."""
    path = write(tmp_path / "recording", "parquet", batch(power_w=[-5.0], platform=["abacus"]))
    source = open_source(Where(), files=[path], speed=0, at_once=True, shift_to_now=False)

    assert source.read(Tick(NOW, 1000))[0].samples.to_pylist()[0]["power_w"] == -5.0


def test_the_operator_is_told_that_shifted_times_leave_the_clock(tmp_path):
    """At ten times the speed the samples would soon be refused as of the future."""
    path = write(tmp_path / "recording", "parquet")
    with capture_logs() as lines:
        open_source(Where(), files=[path], speed=10, at_once=False, shift_to_now=True)

    assert "5 s ahead" in lines[0]["event"]


def test_speed_is_as_recorded_unless_told_otherwise():
    """The default plays at the recording's own pace."""
    assert {option.name: option.default for option in OPTIONS if isinstance(option, Option)}["speed"] == 1.0
