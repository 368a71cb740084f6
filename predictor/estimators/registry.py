"""Registry: every estimator that can be asked for, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from predictor.errors import InputError
from predictor.estimators.agreement import AgreementError, AgreementSelection
from predictor.estimators.baek2022 import AgreementOnTheLine
from predictor.estimators.bao2019 import HScore
from predictor.estimators.baselines import Cka, EffectiveDimension, ParameterCount, Width
from predictor.estimators.charikar2024 import Misfit, MisfitSelection
from predictor.estimators.combined import Combined
from predictor.estimators.consensus_truth import ConsensusForecast
from predictor.estimators.dong2025 import IntrinsicDimensionDiscrepancy
from predictor.estimators.goel2025 import PredictionDivergence
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.medvedev2025 import ErrorFloor
from predictor.estimators.mulgund2025 import BregmanMisfit
from predictor.estimators.over_optimization import OverOptimization
from predictor.estimators.protocol import Estimator
from predictor.estimators.shin2025 import OverlapDensity
from predictor.estimators.smoother_gain import SmootherGain
from predictor.estimators.somerstep2024 import Refinement
from predictor.estimators.truth import TruthForecast
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.estimators.xu2025 import Ambiguity
from predictor.estimators.xue2025 import RepresentationGap
from predictor.estimators.xue2025_labels import LabelledGap, PseudoLabelledGap
from predictor.estimators.yao2025 import KlMisfit, ReverseKlMisfit
from predictor.estimators.yao2025_bounds import CalibrationBounds, GainBounds
from predictor.estimators.you2021 import LogMe

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        estimator.name: estimator
        for estimator in (
            Combined(),
            TruthForecast(),
            TruthPosteriorForecast(),
            ConsensusForecast(),
            LabelPriorSimulation(),
            RepresentationGap("operator"),
            RepresentationGap("frobenius"),
            RepresentationGap("prior"),
            RepresentationGap("tail_corrected"),
            LabelledGap(),
            PseudoLabelledGap(),
            Misfit(),
            MisfitSelection(),
            SmootherGain(),
            KlMisfit(),
            ReverseKlMisfit(),
            BregmanMisfit("logistic"),
            BregmanMisfit("squared"),
            BregmanMisfit("itakura_saito"),
            GainBounds(),
            CalibrationBounds(),
            OverOptimization(),
            IntrinsicDimensionDiscrepancy(),
            OverlapDensity(),
            AgreementError(),
            AgreementSelection(),
            AgreementOnTheLine(),
            PredictionDivergence(),
            Ambiguity(),
            ErrorFloor(),
            Refinement(),
            Cka(),
            ParameterCount(),
            Width(),
            EffectiveDimension(),
            LogMe(),
            HScore(),
        )
    }
)

BY_NAME_ONLY = frozenset(
    {
        "truth",
        "label_prior_simulation",
        "representation_gap_tail_corrected",
        "representation_gap_labels",
        "representation_gap_pseudo_labels",
        "bregman_misfit_logistic",
        "bregman_misfit_squared",
        "bregman_misfit_itakura_saito",
        "smoother_gain",
        "over_optimization",
        "intrinsic_dimension_discrepancy",
        "overlap_density",
        "agreement_error",
        "agreement_selection",
        "agreement_on_the_line",
        "prediction_divergence",
        "ambiguity",
        "error_floor",
        "refinement",
        "logme",
        "h_score",
    }
)
"""Estimators that run only where a request names them, or where the order is theirs.

They add evidence and cost, not to the default answer.
"""


def find(name: str) -> Estimator:
    """The estimator of that name.

    Raises:
        InputError: no such estimator; lists the known ones.
    """
    if name not in ESTIMATORS:
        raise InputError(
            f"no estimator is called {name!r}; known: {', '.join(ESTIMATORS)}.",
            reason="UNKNOWN_ESTIMATOR",
            field="estimator",
        )
    return ESTIMATORS[name]
