"""Workers stand still, messages wait, and all of them are stored afterwards."""

import json

from bench.backlog import backlog_table, measure_backlog
from bench.load import Load


def test_what_waited_is_stored_afterwards():
    said = []

    done = measure_backlog(Load(400, seconds=3.0, warm_up_s=1.0), 4.0, said.append)

    assert done.waiting_messages >= 50 * 3  # fifty hosts of eight, for four seconds
    assert done.caught_up_s > 0
    assert done.samples_per_second > 0
    assert all(done.cpu_us_per_sample[role] > 0 for role in ("broker", "worker", "store", "total"))
    assert json.dumps(done.as_json())
    assert ["chips", "400"] in backlog_table(done)
    assert any("are paused" in line for line in said)
