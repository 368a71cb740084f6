"""Answers and their text forms: the ranking, the job, and both as table, Markdown and CSV."""
