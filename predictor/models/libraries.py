"""Libraries: what must be installed beside numpy before a model can be read."""

from __future__ import annotations

from importlib.util import find_spec

from predictor.errors import UnavailableError


def need(*names: str, purpose: str = "reading models") -> None:
    """Refuse work whose libraries are not installed, before it fails halfway as a bug would.

    Raises:
        UnavailableError: modules are missing (`MISSING_PACKAGE`).
    """
    absent = [name for name in names if find_spec(name) is None]
    if absent:
        raise UnavailableError(
            f"{purpose} needs {', '.join(absent)}, not installed here: pip install 'w2s-predictor[models]'. Arrays are "
            "ranked without.",
            reason="MISSING_PACKAGE",
        )
