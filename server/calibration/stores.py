"""Stores: each tenant's own outcomes and calibrations."""

from __future__ import annotations

import threading
from pathlib import Path

from predictor.calibration.calibration import Calibration
from predictor.calibration.store import CalibrationStore
from predictor.errors import LimitError
from predictor.models.temporaries import size_of_tree
from predictor.outcomes.store import OutcomeStore
from server.access.caller import LOCAL
from server.config import Limits
from server.features.stores import tenant_digest


class TenantStores:
    """Outcomes and calibrations of all tenants, in the state folder.

    Files are read and written in the caller's thread, never in the event loop.
    """

    def __init__(self, state: Path, limits: Limits) -> None:
        self._state = state
        self._limits = limits
        self._keeping = threading.Lock()

    def outcomes(self, tenant: str) -> OutcomeStore:
        """The outcomes of a tenant."""
        return outcome_store(self._state, tenant)

    def calibrations(self, tenant: str) -> CalibrationStore:
        """The calibrations of a tenant."""
        return CalibrationStore(_folder(self._state, tenant) / "calibrations")

    def used(self, tenant: str) -> int:
        """Bytes of a tenant's outcomes and calibrations."""
        home = _folder(self._state, tenant)
        return sum(size_of_tree(path) for path in (home / "outcomes", home / "calibrations"))

    def put(self, tenant: str, fitted: Calibration) -> None:
        """Keep a calibration of a tenant and make it the current one of its name.

        Raises:
            LimitError: the tenant has as many versions as it may (`CALIBRATIONS_QUOTA`), or the disk is full.
        """
        store, max_versions = self.calibrations(tenant), self._limits.tenant_calibrations
        with self._keeping:
            if store.versions() >= max_versions and not store.has(fitted.reference):
                raise LimitError(
                    f"you have {max_versions} versions of calibrations, and this server allows no more; ask the "
                    "operator to delete some or to raise the limit tenant_calibrations.",
                    reason="CALIBRATIONS_QUOTA",
                )
            store.put(fitted)


def outcome_store(state: Path, tenant: str) -> OutcomeStore:
    """The outcomes of a tenant, in a state folder."""
    return OutcomeStore(_folder(state, tenant) / "outcomes")


def _folder(state: Path, tenant: str) -> Path:
    # Those of a server without users are this user's own, so that `w2s calibrate` with and without it agree.
    return state if tenant == LOCAL else state / "tenants" / tenant_digest(tenant)
