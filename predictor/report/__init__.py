"""A ranking for people: terminal table, HTML page, Markdown and CSV. Needs nothing beyond the base install."""

from predictor.report.outline import markdown
from predictor.report.page import html
from predictor.report.sheet import csv
from predictor.report.terminal import table

__all__ = ["csv", "html", "markdown", "table"]
