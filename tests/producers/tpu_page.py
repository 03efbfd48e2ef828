"""Pages in the format of GKE's TPU device plugin, written by us."""

MACHINE = "7000000000000000001"


def row(metric, value, number, *, machine=MACHINE, **labels):
    """Return one line; labels are the plugin's, with those given replaced or added, None for left out."""
    all_labels = {
        "accelerator_id": f"{machine}-{number}",
        "make": "cloud-tpu",
        "model": "tpu-v5p-slice",
        "tpu_topology": "4x4x4",
        **labels,
    }
    text = ",".join(f'{name}="{text}"' for name, text in all_labels.items() if text is not None)
    return f"{metric}{{{text}}} {value}\n"


def family(metric, values, *, pod=None, **labels):
    """Return one metric of a node, by the chips' numbers, and the same as the container's when a pod holds them."""
    text = f"# HELP {metric}_node What it is.\n# TYPE {metric}_node gauge\n"
    text += "".join(row(f"{metric}_node", value, number, **labels) for number, value in values.items())
    if pod:
        held = {**labels, "namespace": "ml", "pod": pod, "container": "main"}
        text += f"# HELP {metric} What it is.\n# TYPE {metric} gauge\n"
        text += "".join(row(metric, value, number, **held) for number, value in values.items())
    return text


def page(*, tensor=None, bandwidth=None, duty=None, used=None, total=None, **labels):
    """Return a page; each argument is a metric's values by the chips' numbers, None leaves the metric out."""
    metrics = {
        "duty_cycle": duty,
        "memory_bandwidth_utilization": bandwidth,
        "memory_total": total,
        "memory_used": used,
        "tensorcore_utilization": tensor,
    }
    text = "".join(family(metric, values, **labels) for metric, values in metrics.items() if values is not None)
    return (text + "# TYPE go_goroutines gauge\ngo_goroutines 34\n").encode()
