"""Labels: what numbers of gold labels are expected to change, as bars, and the rows to label first."""

from __future__ import annotations

from predictor.report.markup import section, text
from predictor.results.ranking import Ranking
from predictor.results.suggestion import LabelValue, in_words

SHOWN = 10
"""Suggested rows that the page lists; the JSON and the file of `--suggestions` hold all."""

BAR = 18
"""Height of a bar in CSS pixels."""


def labels_section(ranking: Ranking) -> str:
    """A section; nothing where no labels were asked for."""
    if not ranking.value_of_labels:
        return ""
    rows = ranking.suggested_labels[:SHOWN]
    more = len(ranking.suggested_labels) - len(rows)
    items = "".join(f"<div><dt>{text(one.id)}</dt><dd>{text(one.reason)}</dd></div>" for one in rows)
    rest = f"<div><dt></dt><dd>{more} more in the JSON and in the file of --suggestions</dd></div>" if more else ""
    listed = f'<h3>Rows to label first</h3><dl class="words panel">{items}{rest}</dl>' if rows else ""
    return section(
        "What labels would change", _bars(ranking.value_of_labels), listed, lead=text(in_words(ranking.value_of_labels))
    )


def _bars(values: tuple[LabelValue, ...]) -> str:
    top = max(max(one.expected_regret, one.random_regret) for one in values) or 1.0
    drawn = "".join(_bar(one, top) for one in values)
    unit = text(values[0].unit)
    return (
        '<figure class="plot"><figcaption><strong>Expected regret of the choice</strong> '
        f"<span>{unit}; bars: suggested rows, lines: as many random rows</span></figcaption>"
        f'<div class="rows">{drawn}</div></figure>'
    )


def _bar(value: LabelValue, top: float) -> str:
    name = "today" if value.labels == 0 else f"{value.labels} labels"
    title = f"{name}: {value.expected_regret:.2g} {value.unit}, {value.random_regret:.2g} with random rows"
    width, at = 100 * value.expected_regret / top, 100 * value.random_regret / top
    return (
        f'<div class="row best"><span class="name">{text(name)}</span>'
        f'<svg width="100%" height="{2 * BAR}" role="img" aria-label="{text(title)}">'
        f'<rect class="fill" x="0" y="{BAR / 2}" width="{width:.2f}%" height="{BAR}"/>'
        f'<line class="truth" x1="{at:.2f}%" x2="{at:.2f}%" y1="2" y2="{2 * BAR - 2}"/>'
        f"<title>{text(title)}</title></svg>"
        f'<span class="value">{value.expected_regret:.2g}</span></div>'
    )
