"""Stand-ins for a machine with Neuron devices, written by us: reports, the driver's directory, the command."""

import json
import textwrap

from tests.scripts import python_script

UTILIZATION = 25.0


def counters(cores, *, period=1.0, error="", flops="effective_flops"):
    """Return a group of counters; `cores` are percent by core, or pairs of percent and operations a second."""
    pairs = {core: value if isinstance(value, tuple) else (value, 10**12) for core, value in cores.items()}
    in_use = {str(core): {"neuroncore_utilization": busy, flops: rate} for core, (busy, rate) in pairs.items()}
    return {"period": period, "neuroncores_in_use": in_use, "error": error}


def memory(cores, *, period=1.0, error=""):
    """Return a group of device memory; `cores` are bytes by core, in two kinds."""
    kinds = {str(core): {"tensors": size - size // 3, "model_code": size // 3} for core, size in cores.items()}
    used = {"host": 7, "neuron_device": sum(cores.values()), "usage_breakdown": {"neuroncore_memory_usage": kinds}}
    return {"period": period, "neuron_runtime_used_bytes": used, "loaded_models": [], "error": error}


def runtime(cores, *, held=None, pid=1, error="", **options):
    """Return one runtime's block."""
    held = dict.fromkeys(cores, 1000) if held is None else held
    groups = {"neuroncore_counters": counters(cores, **options), "memory_used": memory(held)}
    return {"pid": pid, "neuron_runtime_tag": str(pid), "error": error, "report": groups}


def report(*runtimes, devices=1, cores=2, kind="trainium1", logical=1, memory_bytes=32 * 2**30, **more):
    """Return a report of these runtimes."""
    return {
        "neuron_runtime_data": list(runtimes),
        "system_data": {"memory_info": {"period": 1.0, "memory_total_bytes": 1, "memory_used_bytes": 1, "error": ""}},
        "instance_info": {"instance_id": "i-0", "instance_type": "trn1.2xlarge", "error": ""},
        "neuron_hardware_info": {
            "neuron_device_type": kind,
            "neuron_device_count": devices,
            "neuron_device_memory_size": memory_bytes,
            "neuroncore_per_device_count": cores,
            "logical_neuroncore_config": logical,
            "error": "",
        },
        **more,
    }


def line(*runtimes, **options):
    """Return a report as neuron-monitor prints it."""
    return json.dumps(report(*runtimes, **options)).encode() + b"\n"


def power_line(end_s, mean=18.86, low=0.86, high=25.0, status="VALID"):
    """Return what the driver's power file holds."""
    return f"POWER_STATUS_{status},{end_s},{low:.2f},{high:.2f},{mean:.2f}\n"


def write_device(directory, number, *, serial=None, kind="Trainium1", power=None):
    """Write a device's files, or write them anew; a power of None leaves the file out."""
    device = directory / f"neuron{number}"
    (device / "info/architecture").mkdir(parents=True, exist_ok=True)
    (device / "stats/power").mkdir(parents=True, exist_ok=True)
    (device / "info/serial_number").write_text(f"{serial}\n" if serial else "\n")
    if kind:
        (device / "info/architecture/device_name").write_text(f"{kind}\n")
    file = device / "stats/power/utilization"
    file.unlink(missing_ok=True)
    if power is not None:
        file.write_text(power)


def write_command(directory, body, name="neuron-monitor"):
    """Write a command that reads its configuration as neuron-monitor does, and then runs `body`; return its path.

    The body has `say(line)`, `period_s` and `here`, the command's directory. The configuration is kept there, too.
    """
    head = """\
    import json, os, pathlib, re, signal, sys, time
    here = pathlib.Path(__file__).parent
    def say(line):
        sys.stdout.buffer.write(line if isinstance(line, bytes) else line.encode())
        sys.stdout.buffer.flush()
    period_s = 5
    if "-c" in sys.argv:
        text = pathlib.Path(sys.argv[sys.argv.index("-c") + 1]).read_text()
        (here / "config.json").write_text(text)
        found = re.fullmatch(r"(\\d+)s", json.loads(text).get("period", ""))
        period_s = int(found[1]) if found else 5
    with (here / "starts").open("a") as starts:
        print(os.getpid(), file=starts)
    """
    return python_script(directory / name, textwrap.dedent(head) + textwrap.dedent(body), "-IS")
