import pytest

from producers.nvidia import model_of, throttle_of
from schema.chips import catalogue


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm"),
        ("A100-SXM4-80GB", "a100-sxm"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "a100-sxm"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA GB200", "gb200"),
        ("NVIDIA GB300", "gb300"),
        ("Tesla T4", "t4"),
        ("NVIDIA GeForce RTX 4090", "geforce-rtx-4090"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_models_have_the_catalogues_names(name, model):
    """An unknown name is made into one of the same form."""
    assert model_of(name) == model


def test_every_nvidia_chip_of_the_catalogue_is_reached():
    """The names in the test above cover the catalogue."""
    nvidia = {model for model, chip in catalogue().items() if chip.platform == "nvidia"}

    assert nvidia <= {"t4", "a100-sxm", "h100-sxm", "h200", "b200", "gb200", "gb300"}


@pytest.mark.parametrize(
    ("reasons", "bits"),
    [(0, 0), (1, 0), (4, 1), (0x20, 2), (0x40, 2), (8, 4), (0x80, 4), (0x12, 8), (0x6D, 7), (2**40, 0)],
)
def test_throttle_reasons_are_the_contracts_bits(reasons, bits):
    """Idle is no throttling; a reason that is not known is left out."""
    assert throttle_of(reasons) == bits
