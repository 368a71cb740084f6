"""Kinds of evidence and their texts."""

from __future__ import annotations

from predictor.query.evidence import EVIDENCE, Evidence, evidence_text


def test_every_kind_has_texts() -> None:
    """The table has every kind, and no two kinds read alike."""
    assert list(EVIDENCE) == list(Evidence)
    for column in ("short", "needs", "heading", "sentence"):
        assert len({getattr(text, column) for text in EVIDENCE.values()}) == len(Evidence)


def test_text_of_a_name() -> None:
    """Answers name their evidence; a name of another version is shown as it is."""
    assert evidence_text("few_labels").heading == "with gold labels of D~"
    assert evidence_text("proxy_scores").short == "proxy scores"
    assert evidence_text("proxy_scores").sentence == "proxy_scores"
