"""Power bins with fixed edges, so that distributions merge by addition.

A bin is an octave of watts cut into 64 equal steps, as HdrHistogram does it: the exponent and the top six bits of
the mantissa of an IEEE 754 single. Its edges are exact floats, its relative width between 0.8 and 1.6 percent, and
a whole column is binned by one shift. SQL finds the lower edge as
`reinterpretAsFloat32(bitShiftLeft(toUInt32(bin), 17))`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

SHIFT: Final = 17
BINS: Final = 1 << (31 - SHIFT)
"""Bins are numbered from 0 (zero watts) to below this, for every non-negative finite single."""


def bins(power_w: npt.NDArray[np.floating]) -> npt.NDArray[np.uint16]:
    """Return the bin, uint16 [n], of each non-negative power [n]."""
    singles = np.ascontiguousarray(power_w, dtype=np.float32)
    return (singles.view(np.uint32) >> SHIFT).astype(np.uint16)


def lower_edges_w(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Return the lowest power, float32 [n], that falls into each of the bins [n]."""
    return (numbers.astype(np.uint32) << SHIFT).view(np.float32)
