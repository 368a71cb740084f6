"""Scopes: the scope that each method needs. A method without a row is closed to all."""

from __future__ import annotations

from predictor.errors import ForbiddenError
from server.access.caller import Caller, Scope

OPEN = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/List"})
"""Balancers and probes call these without a token; they show names of services and whether they serve."""

NEEDED: dict[str, Scope] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "read",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "read",
    "/w2s.v1.CalibrationService/FitCalibration": "submit",
    "/w2s.v1.CalibrationService/GetCalibration": "read",
    "/w2s.v1.CalibrationService/ListCalibrations": "read",
    "/w2s.v1.CalibrationService/ListOutcomes": "read",
    "/w2s.v1.CalibrationService/RecordOutcomes": "submit",
    "/w2s.v1.FeatureService/DeleteFeatures": "upload",
    "/w2s.v1.FeatureService/DownloadFeatures": "read",
    "/w2s.v1.FeatureService/ListFeatures": "read",
    "/w2s.v1.FeatureService/QueryUpload": "upload",
    "/w2s.v1.FeatureService/UploadFeatures": "upload",
    "/w2s.v1.PartService/QueryPart": "submit",
    "/w2s.v1.PartService/UploadPart": "submit",
    "/w2s.v1.PredictorService/GetServerInfo": "read",
    "/w2s.v1.PredictorService/Predict": "submit",
    "/w2s.v1.PredictorService/Validate": "read",
    "/w2s.v1.RankingService/CancelRankingJob": "submit",
    "/w2s.v1.RankingService/CreateRankingJob": "submit",
    "/w2s.v1.RankingService/DeleteRankingJob": "submit",
    "/w2s.v1.RankingService/GetRankingJob": "read",
    "/w2s.v1.RankingService/ListRankingJobs": "read",
    "/w2s.v1.RankingService/WaitRankingJob": "read",
    "/w2s.v1.RankingService/WatchRankingJob": "read",
}


def check_scope(caller: Caller, method: str) -> None:
    """Let a caller pass who may call the method.

    Raises:
        ForbiddenError: they may not.
    """
    needed = NEEDED.get(method)
    if needed is None or not caller.may(needed):
        raise ForbiddenError(
            f"this call needs scope {needed or 'of a method that this server has not declared'}; yours are "
            f"{', '.join(sorted(caller.scopes))}. Ask the operator for a token with it.",
            reason="SCOPE_MISSING",
        )
