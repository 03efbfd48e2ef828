"""Pages in dcgm-exporter's format, written by us."""


def row(metric, value, *, gpu=0, **labels):
    """Return one line; labels are dcgm-exporter's, with those given replaced or added, None for left out."""
    all_labels = {
        "gpu": str(gpu),
        "UUID": f"GPU-{gpu}",
        "device": f"nvidia{gpu}",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname": "node-7",
        "DCGM_FI_DRIVER_VERSION": "570.1",
        "container": "",
        "namespace": "",
        "pod": "",
        **labels,
    }
    text = ",".join(f'{name}="{value}"' for name, value in all_labels.items() if value is not None)
    return f"{metric}{{{text}}} {value}\n"


def page(*, power=None, energy_mj=None, gpus=1, util=None, **labels):
    """Return a page of GPUs that all show the same; None leaves a metric out."""
    metrics = {
        "DCGM_FI_DEV_POWER_USAGE": power,
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": energy_mj,
        "DCGM_FI_DEV_GPU_UTIL": util,
    }
    text = ""
    for metric, value in metrics.items():
        if value is not None:
            text += f"# HELP {metric} What it is.\n# TYPE {metric} gauge\n"
            text += "".join(row(metric, value, gpu=gpu, **labels) for gpu in range(gpus))
    return text.encode()
