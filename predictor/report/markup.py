"""Markup: the few HTML pieces that every section uses. Text from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from predictor.results.names import visible
from predictor.results.text_table import TextTable


def text(value: object) -> str:
    """A value as HTML text, safe inside an attribute too."""
    return escape(visible(str(value)), quote=True)


def model(value: str) -> str:
    """A model's name as HTML text that breaks before a layer and after a slash rather than anywhere."""
    return "<wbr>".join(text(part) for part in re.split(r"(?=#)|(?<=/)", value))


def section(title: str, *parts: str, lead: str = "") -> str:
    """A titled section; empty parts vanish, and so does a section without parts. `lead` is HTML."""
    body = "".join(parts)
    if not body:
        return ""
    opening = f'<p class="lead">{lead}</p>' if lead else ""
    return f"<section><h2>{text(title)}</h2>{opening}{body}</section>"


def facts(pairs: Iterable[tuple[str, str]], name: str = "facts") -> str:
    """A definition list; the values are HTML."""
    inside = "".join(f"<div><dt>{text(term)}</dt><dd>{value}</dd></div>" for term, value in pairs)
    return f'<dl class="{name}">{inside}</dl>' if inside else ""


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """A table whose first column heads each row; cells and headings are HTML.

    Roles are explicit: narrow screens show each row as a block, and browsers drop the meaning of a table
    whose display changes.
    """
    head = "".join(f'<th scope="col" role="columnheader">{heading}</th>' for heading in headings)
    body = "".join(_row(headings, row) for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">'
        f'<table class="{name}" role="table"><caption>{text(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def text_table(found: TextTable, lead: str) -> str:
    """A titled section with one table of texts; `lead` is text."""
    if not found.rows:
        return section(found.caption, f"<p>{text(found.empty)}</p>")
    rows = [[model(first), *map(text, others)] for first, *others in found.rows]
    headings = [text(heading) for heading in found.headings]
    return section(found.caption, table(found.caption, headings, rows, "measured"), lead=text(lead))


def _row(headings: Sequence[str], cells: Sequence[str]) -> str:
    first, *others = cells
    plain = [heading.partition("<")[0].strip() for heading in headings]
    inside = "".join(
        f'<td role="cell" data-label="{label}">{cell}</td>' for label, cell in zip(plain[1:], others, strict=True)
    )
    return f'<tr role="row"><th scope="row" role="rowheader">{first}</th>{inside}</tr>'
