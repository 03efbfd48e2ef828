"""Pages in the format of AMD's device-metrics-exporter, written by us."""


def row(metric, value, *, gpu=0, **labels):
    """Return one line; labels are the exporter's, with those given replaced or added, None for left out."""
    all_labels = {
        "card_model": "102-G30211-0C",
        "container": "",
        "deployment_mode": "baremetal",
        "gpu_compute_partition_type": "spx",
        "gpu_id": str(gpu),
        "gpu_memory_partition_type": "nps1",
        "gpu_partition_id": "0",
        "hostname": "node-5",
        "job_id": "",
        "job_partition": "",
        "job_user": "",
        "namespace": "",
        "pod": "",
        "serial_number": f"69240000{gpu:04}",
        **labels,
    }
    text = ",".join(f'{name}="{text}"' for name, text in all_labels.items() if text is not None)
    return f"{metric}{{{text}}} {value}\n"


def page(metrics, *, gpus=1, prefix="", **labels):
    """Return a page of GPUs that all show these metrics' values."""
    text = "# TYPE gpu_nodes_total gauge\ngpu_nodes_total 8\n"
    for metric, value in metrics.items():
        text += f"# HELP {prefix}{metric} What it is.\n# TYPE {prefix}{metric} gauge\n"
        text += "".join(row(prefix + metric, value, gpu=gpu, **labels) for gpu in range(gpus))
    return text.encode()


def partitioned(metrics, *, kind="cpx", partitions=8):
    """Return a page of one GPU in partitions; a metric's value is a pair, of the first and of the others."""
    labels = {"gpu_compute_partition_type": kind, "serial_number": "692400000000"}
    text = ""
    for metric, (first, others) in metrics.items():
        for number in range(partitions):
            value = others if number else first
            if value is not None:
                text += row(metric, value, gpu=number, gpu_partition_id=str(number), **labels)
    return text.encode()
