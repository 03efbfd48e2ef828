"""What runs on the newest ClickHouse runs on 25.8: the schema, commits and crashes, every query of boards and rules.

These are the same tests, on the engine of this folder; of those that want exact figures, the ones of the longest
queries. What Compose runs is tried on it in tests/deploy/test_image.py.
"""

from tests.dashboards.boards.test_dynamics import (
    test_an_oscillation_is_told_with_frequency_and_size,
    test_drops_are_told_once_with_how_many_of_the_site_dropped_at_once,
)
from tests.dashboards.boards.test_fleet_power import (
    fleets,
    test_power_is_that_of_complete_seconds_corrected_for_missing_chips,
    test_variables_narrow_every_figure,
)
from tests.dashboards.boards.test_trust import test_gaps_and_overlaps_of_the_ledger_are_found
from tests.dashboards.check.test_checked_in import test_every_query_does_with_samples_of_every_kind
from tests.schema.test_migrate import (
    test_a_crash_half_way_is_mended_by_running_again,
    test_the_second_run_applies_nothing,
)
from tests.schema.test_published import test_a_published_name_has_the_columns_that_are_said
from tests.streams.test_store import (
    test_a_crash_at_any_step_of_a_commit_is_made_good_by_doing_it_again,
    test_the_first_cut_under_a_name_counts_whoever_comes_later,
    whole,
)

__all__ = [
    "fleets",
    "test_a_crash_at_any_step_of_a_commit_is_made_good_by_doing_it_again",
    "test_a_crash_half_way_is_mended_by_running_again",
    "test_a_published_name_has_the_columns_that_are_said",
    "test_an_oscillation_is_told_with_frequency_and_size",
    "test_drops_are_told_once_with_how_many_of_the_site_dropped_at_once",
    "test_every_query_does_with_samples_of_every_kind",
    "test_gaps_and_overlaps_of_the_ledger_are_found",
    "test_power_is_that_of_complete_seconds_corrected_for_missing_chips",
    "test_the_first_cut_under_a_name_counts_whoever_comes_later",
    "test_the_second_run_applies_nothing",
    "test_variables_narrow_every_figure",
    "whole",
]
