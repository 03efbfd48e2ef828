import io
import json

from producers.sink import NdjsonSink
from producers.source import Batch
from tests.batches import batch


def test_each_sample_is_a_line():
    """Nulls are left out, and a float32 is as short as it was."""
    stream = io.BytesIO()
    sink = NdjsonSink(stream)
    sink.publish(Batch("host-0", batch(chip=["a", "b"], power_w=[28.722, None], power_method=["sensor", None])))
    sink.close(1)

    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row.get("power_w") for row in rows] == [28.722, None]
    assert "job" not in rows[0]
    assert (sink.sent.samples, sink.sent.messages, sink.sent.sent_bytes) == (2, 1, len(stream.getvalue()))
