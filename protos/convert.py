"""Convert: the only way between messages and the predictor's classes; no other module imports both."""

from protos.calibrations import (
    calibration_from_proto,
    calibration_to_proto,
    outcome_from_proto,
    outcome_to_proto,
)
from protos.errors import error_from_proto, error_from_status, error_to_proto, error_to_status, retry_seconds
from protos.features import (
    chunk_from_proto,
    chunk_to_proto,
    description_from_proto,
    description_to_proto,
    features_from_proto,
    features_to_proto,
    manifest_from_proto,
    manifest_to_proto,
)
from protos.field_paths import field_of, fields_under, path_of, query_paths
from protos.jobs import job_from_proto, job_to_proto
from protos.queries import query_from_proto, query_to_proto
from protos.rankings import progress_from_proto, progress_to_proto, ranking_from_proto, ranking_to_proto
from protos.tensors import tensor_from_proto, tensor_to_proto

__all__ = [
    "calibration_from_proto",
    "calibration_to_proto",
    "chunk_from_proto",
    "chunk_to_proto",
    "description_from_proto",
    "description_to_proto",
    "error_from_proto",
    "error_from_status",
    "error_to_proto",
    "error_to_status",
    "features_from_proto",
    "features_to_proto",
    "field_of",
    "fields_under",
    "job_from_proto",
    "job_to_proto",
    "manifest_from_proto",
    "manifest_to_proto",
    "outcome_from_proto",
    "outcome_to_proto",
    "path_of",
    "progress_from_proto",
    "progress_to_proto",
    "query_from_proto",
    "query_paths",
    "query_to_proto",
    "ranking_from_proto",
    "ranking_to_proto",
    "retry_seconds",
    "tensor_from_proto",
    "tensor_to_proto",
]
