import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.neuron.sysfs import NeuronPowerError, Sysfs, Window, model_of, parse_power
from tests.producers.neuron_stub import power_line, write_device

LINE = "POWER_STATUS_VALID,1790000040,0.86,25.00,18.86\n"


@pytest.mark.parametrize(
    ("line", "window"),
    [
        (LINE, Window(1_790_000_040_000, True, 0.0086, 0.25, pytest.approx(0.1886))),
        ("POWER_STATUS_VALID,1790000040,0.00,0.00,0.00\n", Window(1_790_000_040_000, True, 0, 0, 0)),
        ("POWER_STATUS_VALID,1790000040,0.00,100.00,100.00", Window(1_790_000_040_000, True, 0, 1, 1)),
        ("POWER_STATUS_NO_DATA,1790000040,0.00,0.00,0.00\n", Window(1_790_000_040_000, False, 0, 0, 0)),
        ("POWER_STATUS_INVALID,1790000040,0.00,0.00,0.00\n", Window(1_790_000_040_000, False, 0, 0, 0)),
        ("POWER_STATUS_MAX,0,0.00,0.00,0.00\n", Window(0, False, 0, 0, 0)),  # the driver's name for any other state
        ("POWER_STATUS_NO_DATA,0,0.00,0.00,0.00\n", Window(0, False, 0, 0, 0)),  # no window was closed yet
    ],
)
def test_a_power_line_is_a_window(line, window):
    assert parse_power(line) == window


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "0.86\n",
        "POWER_STATUS_VALID,1790000040,0.86,25.00\n",
        "POWER_STATUS_VALID,1790000040,0.86,25.00,18.86,1\n",
        "POWER_STATUS_VALID,1790000040,0.86,25.00,nan\n",
        "POWER_STATUS_VALID,1790000040,0.86,25.00,1_8.86\n",
        "POWER_STATUS_VALID,1790000040,0.86,25.00,-1.00\n",
        "POWER_STATUS_VALID,1790000040,0.86,125.00,18.86\n",  # above the maximum
        "POWER_STATUS_VALID,1790000040,20.00,25.00,18.86\n",  # a mean below the least
        "POWER_STATUS_VALID,1790000040,0.86,18.00,18.86\n",  # and one above the most
        "POWER_STATUS_VALID,0,0.86,25.00,18.86\n",  # of no time
        "POWER_STATUS_VALID,999999999999,0.86,25.00,18.86\n",
        "POWER_STATUS_SHINY,1790000040,0.86,25.00,18.86\n",
        "POWER_STATUS_VALID,١٧٩,0.86,25.00,18.86\n",
    ],
)
def test_another_line_is_an_error(line):
    with pytest.raises(NeuronPowerError):
        parse_power(line)


@given(st.data())
def test_no_line_breaks_the_parser(data):
    """Whatever is written over a power line: a window in range, or the one error."""
    start = data.draw(st.integers(0, len(LINE)))
    end = data.draw(st.integers(start, len(LINE)))
    over = data.draw(st.text(st.sampled_from("0123456789.,-+eE_ \nVALIDNO\0é"), max_size=12) | st.text(max_size=4))
    try:
        window = parse_power(LINE[:start] + over + LINE[end:])
    except NeuronPowerError:
        return
    assert window.end_ms >= 0
    assert not window.valid or 0 <= window.low <= window.mean <= window.high <= 1


@pytest.mark.parametrize(
    ("names", "model"),
    [
        (["Trainium1"], "trn1"),
        (["trainium"], "trn1"),
        (["Trainium2"], "trn2"),
        (["Trainium3"], "trn3"),
        (["Inferentia2"], "inf2"),
        (["inferentia"], "inf1"),
        (["trn1.32xlarge"], "trn1"),
        (["trn2n.48xlarge"], "trn2"),
        (["Inf2"], "inf2"),
        ([None, "", "p5.48xlarge", "inf2.xlarge"], "inf2"),
        (["p5.48xlarge", None], None),
        ([], None),
    ],
)
def test_a_model_is_the_catalogues(names, model):
    assert model_of(*names) == model


def test_devices_are_the_directorys(tmp_path):
    """In order of their numbers, and nothing else that lies there."""
    for number in (10, 2, 0):
        write_device(tmp_path, number)
    (tmp_path / "power").mkdir()
    (tmp_path / "neuron1x").mkdir()

    assert Sysfs(tmp_path).devices() == [0, 2, 10]
    assert Sysfs(tmp_path / "none").devices() == []


def test_a_device_has_serial_model_and_power(tmp_path):
    write_device(tmp_path, 3, serial="0f3a9c0000000001", kind="Inferentia2", power=power_line(1_790_000_040))
    sysfs = Sysfs(tmp_path)

    assert (sysfs.serial(3), sysfs.model(3)) == ("0f3a9c0000000001", "inf2")
    assert sysfs.power(3) == parse_power(LINE)


@pytest.mark.parametrize("serial", [None, "0000000000000000", "a\0b", "\x7f"])
def test_what_is_no_serial_number_is_none(tmp_path, serial):
    """The driver leaves it empty when the device does not tell it."""
    write_device(tmp_path, 0, serial=serial)

    assert Sysfs(tmp_path).serial(0) is None


def test_what_is_not_there_is_none(tmp_path):
    """An older driver has no power file, a newer one may have moved everything."""
    (tmp_path / "neuron0").mkdir()
    sysfs = Sysfs(tmp_path)

    assert (sysfs.serial(0), sysfs.model(0), sysfs.power(0)) == (None, None, None)


def test_the_power_file_can_be_elsewhere(tmp_path):
    (tmp_path / "neuron4/new").mkdir(parents=True)
    (tmp_path / "neuron4/new/power").write_text(power_line(1_790_000_040))

    assert Sysfs(tmp_path, "neuron{device}/new/power").power(4) == parse_power(LINE)


WINDOW = parse_power(LINE)


def write(directory, path, text=LINE):
    (directory / path).parent.mkdir(parents=True, exist_ok=True)
    (directory / path).write_text(text)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("neuron4/power/utilization", LINE),
        ("neuron4/metrics/device/energy/now", LINE),
        ("neuron4/stats/device_power", LINE.removeprefix("POWER_STATUS_")),
        ("neuron4/power/utilization", "POWER_STATUS_VALID,1790000040,0.86,25.00,18.86"),
    ],
)
def test_a_power_file_that_was_moved_is_found_by_its_form(tmp_path, path, line):
    """Whatever else lies there; without the word, its path must say that it is of power."""
    for other, text in (("power/control", "auto\n"), ("stats/memory/usage", "VALID,1790000040,0.86,25.00,18.86\n")):
        write(tmp_path / "neuron4", other, text)
    write(tmp_path, path, line)
    sysfs = Sysfs(tmp_path)

    assert sysfs.power(4) == WINDOW
    assert sysfs.power_read_at == {4: path.removeprefix("neuron4/")}


def test_a_line_of_the_form_that_is_of_something_else_is_no_power(tmp_path):
    write(tmp_path, "neuron0/stats/memory/usage", "VALID,1790000040,0.86,25.00,18.86\n")
    write(tmp_path, "neuron0/stats/heat", "TEMP_STATUS_VALID,1790000040,0.86,25.00,18.86\n")

    assert Sysfs(tmp_path).power(0) is None


def test_the_usual_place_goes_before_any_other(tmp_path):
    write_device(tmp_path, 0, power=power_line(1_790_000_100))
    write(tmp_path, "neuron0/power/utilization")
    sysfs = Sysfs(tmp_path)

    assert sysfs.power(0).end_ms == 1_790_000_100_000
    assert sysfs.power_read_at == {}


def test_several_files_of_the_form_are_not_told_apart(tmp_path):
    """Each die's, for instance: but one above them is the device's, and one of the usual name goes before others."""
    for die in (0, 1):
        write(tmp_path, f"neuron0/dies/{die}/power")
    sysfs = Sysfs(tmp_path)
    assert sysfs.power(0) is None
    assert sysfs.like_power(0) == ["dies/0/power", "dies/1/power"]
    write(tmp_path, "neuron0/dies/power")
    assert Sysfs(tmp_path).power(0) == WINDOW
    write(tmp_path, "neuron1/power/raw")
    write(tmp_path, "neuron1/power/utilization", power_line(1_790_000_100))
    assert Sysfs(tmp_path).power(1).end_ms == 1_790_000_100_000


def test_a_search_is_not_made_again_until_the_driver_is_loaded_anew(tmp_path):
    """Its directory is another one then. Where what was found has gone, it is looked for again, too."""
    (tmp_path / "neuron0").mkdir()
    sysfs = Sysfs(tmp_path)
    assert sysfs.power(0) is None
    write(tmp_path, "neuron0/power/now")
    assert sysfs.power(0) is None
    (tmp_path / "neuron0").rename(tmp_path / "before")
    write(tmp_path, "neuron0/power/now")
    assert sysfs.power(0) == WINDOW
    (tmp_path / "neuron0/power/now").rename(tmp_path / "neuron0/power/then")
    assert sysfs.power(0) is None
    assert sysfs.power(0) == WINDOW


def test_a_power_file_that_the_operator_named_is_not_looked_for(tmp_path):
    write(tmp_path, "neuron0/power/utilization")

    assert Sysfs(tmp_path, "neuron{device}/mine").power(0) is None


def test_a_device_is_called_the_same_where_its_files_were_moved(tmp_path):
    """Or each of them would be a second chip, expected for a day."""
    write(tmp_path, "neuron0/device/identity/serial_number", "0f3a9c0000000001\n")
    write(tmp_path, "neuron0/device/device_name", "Trainium2\n")
    sysfs = Sysfs(tmp_path)

    assert (sysfs.serial(0), sysfs.model(0)) == ("0f3a9c0000000001", "trn2")


def test_a_power_file_that_cannot_be_read_is_an_error(tmp_path):
    """It says which file that is."""
    (tmp_path / "neuron0/stats/power/utilization").mkdir(parents=True)
    write_device(tmp_path, 1, power="\xff\n")

    with pytest.raises(NeuronPowerError, match=r"neuron0/stats/power/utilization cannot be read: Is a directory"):
        Sysfs(tmp_path).power(0)
    with pytest.raises(NeuronPowerError, match=r"neuron1/stats/power/utilization holds no power line"):
        Sysfs(tmp_path).power(1)
