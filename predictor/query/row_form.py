"""RowForm: how one model gets the rows: what is put before them, and where long ones are cut."""

from __future__ import annotations

from dataclasses import dataclass, replace

from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings, Truncate


@dataclass(frozen=True)
class RowForm:
    """How one model gets the rows.

    Attributes:
        max_length: tokens at most.
        prefix: text before each row; None for what the model's folder declares.
        truncate: the end that a long row loses, or its `middle`. The prefix stays.
    """

    max_length: int
    prefix: str | None = None
    truncate: Truncate = "right"

    @classmethod
    def of(cls, spec: ModelSpec, settings: Settings) -> RowForm:
        """The form that a request asks for one of its models."""
        return cls(settings.max_length, spec.prefix, settings.truncate)

    def within(self, *limits: int | None) -> RowForm:
        """The form under limits of the model's own; None is no limit."""
        return replace(self, max_length=min([self.max_length, *(limit for limit in limits if limit is not None)]))
