"""A stand-in for a TPU runtime: a real gRPC server on loopback, with the stubs that tpu-info ships."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc
from tpu_info.proto import tpu_metric_service_pb2 as messages
from tpu_info.proto import tpu_metric_service_pb2_grpc as services

MEMORY_TOTAL = "tpu.runtime.hbm.memory.total.bytes"
MEMORY_USED = "tpu.runtime.hbm.memory.usage.bytes"
DUTY_CYCLE = "tpu.runtime.tensorcore.dutycycle.percent"
MEMORY_BANDWIDTH = "tpu.runtime.hbm.utilization.percent"


def metric(device, value, *, stamp_s=None):
    """Return the gauge of a device, which is named by a number, a text, or a list of attributes."""
    made = messages.Metric()
    made.attribute.key = "device-id"
    if isinstance(device, Mapping):
        for key, name in device.items():
            attribute = made.attribute.value.kvlist_attr.attributes.add(key=key)
            _name(attribute.value, name)
    else:
        _name(made.attribute.value, device)
    if isinstance(value, float):
        made.gauge.as_double = value
    else:
        made.gauge.as_int = value
    if stamp_s is not None:
        made.timestamp.seconds = stamp_s
    return made


def _name(value, device):
    if isinstance(device, str):
        value.string_attr = device
    else:
        value.int_attr = device


def host(chips=4, *, duty=100.0, bandwidth=50.0, used=10**10, total=2 * 10**10, first=0, stamp_s=None):
    """Return the metrics of a host with one device a chip; None leaves a metric out."""
    values = {MEMORY_TOTAL: total, MEMORY_USED: used, DUTY_CYCLE: duty, MEMORY_BANDWIDTH: bandwidth}
    return {
        name: [metric(first + chip, value, stamp_s=stamp_s) for chip in range(chips)]
        for name, value in values.items()
        if value is not None
    }


class TpuServer(services.RuntimeMetricServiceServicer):
    """Tells `metrics`, lists `listed` (by default what it tells; None: does not list), or fails with `status`."""

    def __init__(self, metrics=None):
        self.metrics = host() if metrics is None else metrics
        self.listed = ()
        self.status = None
        self.hang = threading.Event()
        self.hang.set()
        self.asked = []
        self.address = ""

    def GetRuntimeMetric(self, request, context):  # noqa: N802  the service's name
        self.asked.append((request.metric_name, request.skip_node_aggregation))
        self._may_fail(context)
        if request.metric_name not in self.metrics:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no metric {request.metric_name}")
        told = messages.TPUMetric(name=request.metric_name, metrics=self.metrics[request.metric_name])
        return messages.MetricResponse(metric=told)

    def ListSupportedMetrics(self, request, context):  # noqa: N802  the service's name
        self.asked.append(("list", False))
        self._may_fail(context)
        if self.listed is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
        names = [messages.SupportedMetric(metric_name=name) for name in self.listed or self.metrics]
        return messages.ListSupportedMetricsResponse(supported_metric=names)

    def GetTpuRuntimeStatus(self, request, context):  # noqa: N802  the service's name
        return messages.GetTpuRuntimeStatusResponse(host_name="stand-in")

    def _may_fail(self, context):
        self.hang.wait(60)
        if self.status is not None:
            context.abort(self.status, "as the test wishes")


@contextlib.contextmanager
def serving(server: TpuServer, port: int = 0, *, at: str | None = None, handlers=()) -> Iterator[TpuServer]:
    """Serve until the end of the block; `server.address` is where. `handlers` are asked in its place."""
    threads = ThreadPoolExecutor(8)
    running = grpc.server(threads, handlers=handlers)
    if not handlers:
        services.add_RuntimeMetricServiceServicer_to_server(server, running)
    kind = grpc.LocalConnectionType.UDS if at else grpc.LocalConnectionType.LOCAL_TCP
    bound = running.add_secure_port(at or f"localhost:{port}", grpc.local_server_credentials(kind))
    server.address = at or f"localhost:{bound}"
    running.start()
    try:
        yield server
    finally:
        server.hang.set()
        running.stop(None).wait()
        threads.shutdown()
