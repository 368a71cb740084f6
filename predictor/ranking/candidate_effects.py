"""What past outcomes of the candidates add to the predictions of an estimator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.protocol import Forecast
from predictor.statistics.arrays import Array


@dataclass(frozen=True, eq=False)
class CandidateEffects:
    """Random effects of m candidates, in label variance.

    Attributes:
        forecaster: name of the estimator whose predictions these are added to.
        error, gain: (m,).
        error_se, gain_se: (m,) standard errors, also of candidates without past outcomes.
    """

    forecaster: str
    error: Array
    gain: Array
    error_se: Array
    gain_se: Array

    def added_to(self, forecast: Forecast, rng: np.random.Generator) -> Forecast:
        """The forecast moved by the effects, its draws by draws of them."""
        shape = forecast.error_draws.shape
        errors, gains = (
            (effect + se * rng.standard_normal(shape[::-1])).T
            for effect, se in ((self.error, self.error_se), (self.gain, self.gain_se))
        )
        return forecast.moved(self.error, self.gain, errors, gains)
