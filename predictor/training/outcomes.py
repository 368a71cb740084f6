"""Outcomes: what was measured of every candidate on every split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Measured errors of every candidate on every split, in units of the label variance.

    Attributes:
        weak, w2s: (m, splits) mean squared error on fresh rows of the weak head and of its student.
        ceiling: (splits,) the strong model trained on gold labels of the same rows.
        weak_accuracy, w2s_accuracy: (m, splits), None for regression.
        ceiling_accuracy: (splits,), None for regression.
        weak_log_loss, w2s_log_loss: (m, splits) in nats, None for regression.
        ceiling_log_loss: (splits,), None for regression.
    """

    weak: Array
    w2s: Array
    ceiling: Array
    weak_accuracy: Array | None = None
    w2s_accuracy: Array | None = None
    ceiling_accuracy: Array | None = None
    weak_log_loss: Array | None = None
    w2s_log_loss: Array | None = None
    ceiling_log_loss: Array | None = None

    @property
    def gain(self) -> Array:
        """(m, splits) Err_w − Err_w2s."""
        return self.weak - self.w2s

    def of_split(self, split: int) -> Outcomes:
        """The outcomes of one split."""
        cut = slice(split, split + 1)
        return Outcomes(
            self.weak[:, cut],
            self.w2s[:, cut],
            self.ceiling[cut],
            *(
                None if one is None else one[..., cut]
                for one in (
                    self.weak_accuracy,
                    self.w2s_accuracy,
                    self.ceiling_accuracy,
                    self.weak_log_loss,
                    self.w2s_log_loss,
                    self.ceiling_log_loss,
                )
            ),
        )

    def pgr(self, candidate: int) -> tuple[float | None, float | None]:
        """Gain over headroom, (Err_w − Err_w2s) / (Err_w − Err_sc), of the mean errors; and its standard error.

        The error is that of a ratio of means over splits: residuals gain − PGR · headroom over √splits and the mean
        headroom (Cochran 1977, "Sampling Techniques", chapter 6); None for one split. Both None where the ceiling
        does not beat the weak model.
        """
        gain, headroom = self.gain[candidate], self.weak[candidate] - self.ceiling
        room = float(headroom.mean())
        if room <= 0.0:
            return None, None
        ratio = float(gain.mean()) / room
        if len(gain) < 2:
            return ratio, None
        return ratio, float(np.std(gain - ratio * headroom, ddof=1) / (np.sqrt(len(gain)) * room))
