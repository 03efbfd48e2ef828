"""Files that a driver has moved, found below a device's directory."""

import os

from producers.neuron.search import DEEPEST, MOST_ENTRIES, files_below, holding, nearest


def write(directory, *paths, text="x"):
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def test_the_nearest_files_come_first(tmp_path):
    write(tmp_path, "b/c/d", "z", "a/e", "b/d", "y")

    assert files_below(tmp_path) == ["y", "z", "a/e", "b/d", "b/c/d"]
    assert files_below(tmp_path / "none") == []


def test_links_are_not_followed_and_pipes_not_opened(tmp_path):
    """Not even one that leads to a place in the tree: it has a path of its own there."""
    write(tmp_path, "device/own", "outside/power")
    device = tmp_path / "device"
    (device / "subsystem").symlink_to(tmp_path / "outside", target_is_directory=True)
    (device / "power").symlink_to(tmp_path / "outside/power")
    (device / "loop").symlink_to(device, target_is_directory=True)
    os.mkfifo(device / "pipe")

    assert files_below(device) == ["own"]
    assert holding(device, ["own", "power", "pipe", "subsystem/none"], lambda *_: True) == ["own"]


def test_a_search_has_its_bounds(tmp_path):
    """Of depth, and of files, however they lie."""
    write(tmp_path, "/".join("d" * (DEEPEST - 1)) + "/last", "/".join("d" * DEEPEST) + "/beyond")
    assert [path.rsplit("/", 1)[-1] for path in files_below(tmp_path)] == ["last"]
    for number in range(MOST_ENTRIES + 10):
        (tmp_path / f"{number:05}").touch()

    assert len(files_below(tmp_path)) == MOST_ENTRIES


def test_of_several_the_nearest_is_meant_then_the_one_of_that_name():
    assert nearest(["a/b/power", "a/b", "c/d/e"], "power") == ["a/b"]
    assert nearest(["a/b", "a/power"], "power") == ["a/power"]
    assert nearest(["a/b", "a/c"], "power") == ["a/b", "a/c"]
    assert nearest(["a/b"], "power") == ["a/b"]
    assert nearest([], "power") == []


def test_what_a_file_holds_is_looked_at_within_a_page(tmp_path):
    write(tmp_path, "long", text="a" * 10_000)
    seen = []
    holding(tmp_path, ["long", "none"], lambda path, text: seen.append((path, len(text))))

    assert seen == [("long", 4096)]
