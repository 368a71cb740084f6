"""Types of the arrays that the maths computes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Real numbers; all sums are of 64 bits."""

Ints = NDArray[np.intp]
"""Row numbers and class numbers."""

Floats = NDArray[np.floating]
"""Real numbers of any precision, as callers give them."""
