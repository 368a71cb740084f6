"""CalibrationStore: calibrations by name, every version stored, the latest one used."""

from __future__ import annotations

import json
from pathlib import Path

from predictor.calibration.calibration import Calibration, check_name
from predictor.errors import InputError, NotFoundError, UnavailableError
from predictor.folders import replace_file, state_dir, storage_error
from predictor.query.settings import Settings


class CalibrationStore:
    """One folder a name: `VERSION.json` each, and `current`, which names the version last put."""

    def __init__(self, folder: Path | None = None) -> None:
        """A store in `folder`; None for this user's own, under W2S_STATE_DIR."""
        self.folder = state_dir() / "calibrations" if folder is None else folder

    def put(self, calibration: Calibration) -> None:
        """Store a calibration and make it the current one of its name.

        Raises:
            LimitError, UnavailableError: the disk is full, or the folder cannot be written.
        """
        home = self.folder / calibration.name
        text = json.dumps(calibration.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        replace_file(home / f"{calibration.version}.json", [text.encode()])
        replace_file(home / "current", [calibration.version.encode()])

    def get(self, reference: str) -> Calibration:
        """The current calibration of a name, or the one of `NAME@VERSION`.

        Raises:
            InputError: not a valid name.
            NotFoundError: there is none.
            UnavailableError: its file cannot be read or is damaged.
        """
        name, _, version = reference.partition("@")
        check_name(name)
        if version:
            check_name(version)
        home = self.folder / name
        try:
            version = version or (home / "current").read_text(encoding="utf-8").strip()
            return Calibration.from_dict(json.loads((home / f"{version}.json").read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise NotFoundError(
                f"there is no calibration {reference!r}; fit one with w2s calibrate {name}, or list them with w2s "
                "calibrate --ls.",
                reason="CALIBRATION_NOT_FOUND",
                field="calibration",
            ) from error
        except OSError as error:
            raise storage_error(error, self.folder) from error
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise UnavailableError(
                f"calibration {reference!r} is damaged; fit it again with w2s calibrate {name}.",
                reason="CALIBRATION_DAMAGED",
            ) from error

    def named_in(self, settings: Settings) -> Calibration | None:
        """The calibration that the settings name; None where they name none. See `get`."""
        return None if settings.calibration is None else self.get(settings.calibration)

    def has(self, reference: str) -> bool:
        """Whether that version of that name is stored; it is not read."""
        name, _, version = reference.partition("@")
        return (self.folder / name / f"{version}.json").is_file()

    def versions(self) -> int:
        """Number of stored versions of all names."""
        return sum(1 for _ in self.folder.glob("*/*.json"))

    def ls(self) -> tuple[Calibration, ...]:
        """The current calibration of every name, in the order of names.

        Raises:
            UnavailableError: one is damaged.
        """
        if not self.folder.is_dir():
            return ()
        return tuple(self.get(home.name) for home in sorted(self.folder.iterdir()) if (home / "current").is_file())
