"""What is counted as it goes."""

from schema.tally import Durations, Requests


def test_durations_are_counted_by_their_upper_bound():
    durations = Durations([0.1, 1.0])
    for seconds in (0.05, 0.1, 0.5, 7.0):
        durations.add(seconds)

    assert durations.buckets() == [("0.1", 2.0), ("1.0", 3.0), ("+Inf", 4.0)]
    assert durations.sum_s == 7.65


def test_requests_are_counted_by_status():
    requests = Requests()
    requests.add(200, 0.01)
    requests.add(200, 0.01)
    requests.add(503, 2.0)

    assert requests.answered == {200: 2, 503: 1}
    assert requests.durations.buckets()[-1] == ("+Inf", 3.0)
