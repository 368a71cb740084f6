"""Stores: each tenant's own outcomes and calibrations."""

from __future__ import annotations

from pathlib import Path

from predictor.calibration.calibrate import calibrate
from predictor.calibration.calibration import Calibration, check_name
from predictor.calibration.store import CalibrationStore
from predictor.errors import LimitError
from predictor.outcome_store import OutcomeStore
from server.access.caller import LOCAL
from server.config import Limits
from server.features.stores import tenant_digest


class TenantStores:
    """What tenants measured and fitted, in the state folder; files are touched by whoever calls, never by the loop."""

    def __init__(self, state: Path, limits: Limits) -> None:
        self._state = state
        self._limits = limits

    def outcomes(self, tenant: str) -> OutcomeStore:
        """The outcomes of a tenant."""
        return OutcomeStore(self._folder(tenant) / "outcomes")

    def calibrations(self, tenant: str) -> CalibrationStore:
        """The calibrations of a tenant."""
        return CalibrationStore(self._folder(tenant) / "calibrations")

    def fit(self, tenant: str, name: str, recipe: str | None) -> Calibration:
        """Fit a calibration on a tenant's outcomes and keep it.

        Raises:
            InputError: as `predictor.calibration.calibration.calibrate`.
            LimitError: the tenant keeps as many versions as it may (`CALIBRATIONS_QUOTA`), or the disk is full.
        """
        check_name(name)
        store, most = self.calibrations(tenant), self._limits.tenant_calibrations
        fitted = calibrate(name, self.outcomes(tenant).read().outcomes, recipe=recipe)
        if store.versions() >= most and not store.holds(fitted.reference):
            raise LimitError(
                f"you keep {most} versions of calibrations, the most that this server lets a tenant keep; ask the "
                "operator to delete some or to raise the limit tenant_calibrations.",
                reason="CALIBRATIONS_QUOTA",
            )
        store.put(fitted)
        return fitted

    def _folder(self, tenant: str) -> Path:
        # Those of a server without users are this user's own, so that `w2s calibrate` with and without it agree.
        return self._state if tenant == LOCAL else self._state / "tenants" / tenant_digest(tenant)
