"""The calibration that a request names, looked up once, before anything is computed."""

from __future__ import annotations

from predictor.calibration.calibration import Calibration
from predictor.calibration.store import CalibrationStore
from predictor.query.settings import Settings


def named_calibration(settings: Settings, store: CalibrationStore | None = None) -> Calibration | None:
    """The calibration that the settings name, from this user's store unless another is given; None where none is.

    Raises:
        NotFoundError: there is none of that name.
    """
    return None if settings.calibration is None else (store or CalibrationStore()).get(settings.calibration)
