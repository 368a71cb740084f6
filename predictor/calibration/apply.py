"""Apply: a ranking in calibrated values. Its order, ties and P(best) stay: no line reverses an order.

Effects of single candidates are in the ranking before: see `predictor.ranking.ordering.CandidateEffects`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from predictor.calibration.calibration import POINTS, Calibration, Fit
from predictor.errors import InputError
from predictor.outcomes.outcome import accuracy_gain
from predictor.query.labels import Kind
from predictor.results.candidate import Candidate, Estimate, Interval
from predictor.results.ranking import NullBand, Ranking

_CAPS = (("misfit", "disagreement"), ("gain_bounds", "accuracy_gain_cap"))
"""Estimators and details with the share of rows on which student and teacher name different classes."""

_DEVIATIONS = 1.645
"""Standard errors that the share is widened by: it was counted on some rows, and is claimed of all.

As in Wilson's interval, which is above 0 also where none of a few rows differs.
"""


def fits_for(calibration: Calibration, forecaster: str | None, kind: Kind | None) -> tuple[Fit | None, Fit | None]:
    """The fits of error and gain that apply.

    Args:
        calibration: by name from a store.
        forecaster: the estimator whose predicted outcomes make the order; None where it predicts none.
        kind: of the gold labels, or None where none are known.

    Raises:
        InputError: it was not fitted on predictions of that estimator, or only for classes (`CALIBRATION_UNSUITED`).
    """
    known = sorted({fit.estimator for fit in calibration.fits})
    if forecaster is None or forecaster not in known:
        makes = f"{forecaster} makes this order" if forecaster else "this order is made by no predicted outcome"
        raise InputError(
            f"calibration {calibration.reference} was fitted on predictions of {' and '.join(known)}, and {makes}; "
            "with --labels truth_posterior makes it, with --weak-labels of every candidate consensus_truth, else "
            "truth. Name the estimator it was fitted on (--estimator), leave --calibration out, or fit one on "
            "outcomes with such predictions.",
            reason="CALIBRATION_UNSUITED",
            field="calibration",
        )
    error = calibration.fit_of(forecaster, "w2s_error")
    points = None if kind == "regression" else calibration.fit_of(forecaster, "accuracy_gain")
    gain = points or calibration.fit_of(forecaster, "gain")
    if error is None and gain is None:
        raise InputError(
            f"calibration {calibration.reference} has fits of accuracy only, and these labels are numbers; leave "
            "--calibration out.",
            reason="CALIBRATION_UNSUITED",
            field="calibration",
        )
    return error, gain


def calibrated(
    ranking: Ranking,
    calibration: Calibration,
    forecaster: str | None,
    kind: Kind | None,
    error: Fit | None,
    gain: Fit | None,
) -> Ranking:
    """The ranking with errors and gains as measured outcomes correct them.

    The predicted error and its null take the fit's unit. The gain becomes accuracy points where the calibration has
    such a fit and the labels are not known to be numbers: from the gain in accuracy that was itself predicted, where
    the fit was made on such. It is then clipped to ± the share of rows on which student and teacher disagree (its
    upper 95 % limit), where `misfit` or `gain_bounds` counted them: no accuracy can change by more (Charikar et al.
    2024, arXiv:2405.15116). PGR is removed, since nothing has calibrated it. The estimators' own values stay under
    `estimates`.

    Args:
        ranking: by `forecaster`, in label variance, with what the fits' `random_effects` add to its values.
        calibration, forecaster, kind: as for `fits_for`.
        error, gain: what `fits_for` returns.
    """
    request = {**ranking.provenance.request, "calibration": calibration.reference}
    return replace(
        ranking,
        evidence="calibrated",
        candidates=tuple(_candidate(one, error, gain, ranking.rows) for one in ranking.candidates),
        null=ranking.null if error is None else _null(ranking.null, error),
        provenance=replace(ranking.provenance, request=request),
        warnings=(
            *ranking.warnings,
            *_remarks(ranking, calibration, error, gain),
            *_other_heads(ranking, calibration, forecaster, kind),
        ),
    )


def _candidate(candidate: Candidate, error: Fit | None, gain: Fit | None, rows: int) -> Candidate:
    if candidate.status != "ok":
        return candidate
    cap = _cap(candidate.estimates, rows) if gain is not None and gain.unit == POINTS else None
    return replace(
        candidate,
        predicted_w2s_error=_mapped(candidate.predicted_w2s_error, error, 0.0, None),
        predicted_gain=_mapped(_gain_of(candidate, gain), gain, None if cap is None else -cap, cap),
        predicted_pgr=None,
    )


def _gain_of(candidate: Candidate, fit: Fit | None) -> Interval | None:
    """The prediction that the fit of the gain starts from; None where it is one of accuracies and there are none."""
    if fit is None or fit.given != "accuracy_gain":
        return candidate.predicted_gain
    given = (candidate.estimates[name] for name in (fit.estimator, "combined") if name in candidate.estimates)
    points = next((gain for one in given if (gain := accuracy_gain(one.details)) is not None), None)
    return None if points is None else Interval(points, points, points, POINTS)


def _mapped(given: Interval | None, fit: Fit | None, low_cap: float | None, high_cap: float | None) -> Interval | None:
    if given is None or given.value is None or fit is None:
        return given

    def clipped(value: float) -> float:
        above = value if low_cap is None else max(value, low_cap)
        return above if high_cap is None else min(above, high_cap)

    low, high = fit.line.interval(given.value)
    return Interval(clipped(fit.line.at(given.value)), clipped(low), clipped(high), fit.unit)


def _cap(estimates: Mapping[str, Estimate], rows: int) -> float:
    """Most by which the accuracy can change, in points: the disagreement where it was counted, else everything."""
    shares = [
        estimates[name].details[key] for name, key in _CAPS if name in estimates and key in estimates[name].details
    ]
    if not shares:
        return 100.0
    return 100.0 * upper_limit(shares[0], rows)


def upper_limit(share: float, rows: int) -> float:
    """The largest share of all rows that a share of so many rows is still likely to be drawn from (95 %)."""
    z = _DEVIATIONS**2 / rows
    return min(1.0, (share + z / 2 + math.sqrt(z * share * (1 - share) + z * z / 4)) / (1 + z))


def _known(names: set[str], error: Fit | None, gain: Fit | None) -> list[str]:
    """Which candidates are known from past outcomes, and how far that moves them."""
    moves = {
        what: {name: abs(by) for name, by in fit.random_effects.items() if name in names}
        for what, fit in (("error", error), ("gain", gain))
        if fit is not None
    }
    moved = [f"the predicted {what}, {max(by.values()):.3f} label variance at most" for what, by in moves.items() if by]
    if not moved:
        return []
    known = len({name for by in moves.values() for name in by})
    return [
        f"{known} of {len(names)} candidates are known from past outcomes: what these did beyond their predictions is "
        f"added to {', and to '.join(moved)}; it may change the order"
    ]


def _other_heads(
    ranking: Ranking, calibration: Calibration, forecaster: str | None, kind: Kind | None
) -> tuple[str, ...]:
    """A remark where the predictions were made for other heads than those that the calibration was fitted on.

    Models trained as a whole on classes count as logistic heads, as in `Recipe.for_labels`.
    """
    asked = ranking.provenance.request.get("training", {}).get("heads", "ridge")
    fitted = "ridge" if calibration.recipe == "ridge" or kind == "regression" else "logistic"
    if forecaster not in ("truth_posterior", "consensus_truth") or asked == fitted:
        return ()
    return (
        f"the calibration's students were trained by {calibration.recipe}, predicted as {fitted} heads, and these are "
        f"predicted as {asked} ones; give --heads {fitted}",
    )


def _null(null: NullBand, error: Fit) -> NullBand:
    def at(value: float | None) -> float | None:
        return None if value is None else max(error.line.at(value), 0.0)

    return replace(null, value=at(null.value), low=at(null.low), high=at(null.high), unit=error.unit)


def _remarks(ranking: Ranking, calibration: Calibration, error: Fit | None, gain: Fit | None) -> tuple[str, ...]:
    """What the reader must know of the calibration before relying on it."""
    used = [fit for fit in (error, gain) if fit is not None]
    tasks, runs = max(fit.line.tasks for fit in used), max(fit.line.outcomes for fit in used)
    found = [
        f"calibrated by {calibration.reference}: {runs} outcomes of {tasks} tasks, students trained by "
        f"{calibration.recipe}; intervals are valid for other tasks of the same kind only"
    ]
    errors = [one.predicted_w2s_error for one in ranking.candidates]
    gains = [_gain_of(one, gain) for one in ranking.candidates]
    found += _known({one.name for one in ranking.candidates if one.status == "ok"}, error, gain)
    for fit, what, intervals in ((error, "error", errors), (gain, "gain", gains)):
        if fit is None:
            found.append(f"too few outcomes with a measured {what}: it stays as predicted")
            continue
        if fit.line.slope == 0.0:
            found.append(f"the predicted {what} carried no information in past outcomes: all candidates get their mean")
        values = [interval.value for interval in intervals if interval is not None]
        beyond = sum(value is not None and not fit.line.low <= value <= fit.line.high for value in values)
        if beyond:
            found.append(
                f"{beyond} predicted {what}(s) are outside the {fit.line.low:.2f} to {fit.line.high:.2f} of the "
                "calibration's own tasks; their calibrated values are extrapolated"
            )
    return tuple(found)
