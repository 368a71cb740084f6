"""Run tables: outcomes from tables in a declared layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from predictor.outcomes.importing.layouts import PairTable, Record, RunTable, filled
from predictor.outcomes.importing.runs import Imported, accuracies_outcome
from predictor.outcomes.outcome import Outcome

NO_TASK = "it does not say which task it is of; name it with --task."


def read_layout(records: Sequence[Record], layout: PairTable | RunTable, task: str | None) -> Imported:
    """Outcomes of all records; seeds of one student are averaged."""
    if isinstance(layout, RunTable):
        return _of_runs(records, layout)
    if task is None:
        return Imported(layout.kind, (), (NO_TASK,))
    found, unpaired = [], []
    for record in records:
        for loss, column in layout.students:
            reached = _share(record, column)
            strong, weak = filled(layout.strong, record), filled(layout.weak, record)
            if reached is None:
                unpaired.append(f"{weak} → {strong}: {column} is no number from 0 to 1.")
                continue
            teacher, top = _share(record, layout.weak_accuracy), _share(record, layout.ceiling_accuracy)
            about = Outcome(task, strong, weak, recipe="full", loss=loss, w2s_accuracy=reached, origin=layout.kind)
            found.append(accuracies_outcome(about, [teacher], [reached], [top]))
    return Imported(layout.kind, tuple(found), tuple(unpaired))


def _of_runs(records: Sequence[Record], layout: RunTable) -> Imported:
    rows = _last(records, layout)
    teachers = {filled(layout.own_teacher_key, one): one for one in rows if _is(one, layout.teacher)}
    ceilings = {filled(layout.own_ceiling_key, one): one for one in rows if _is(one, layout.ceiling)}
    other = [one for one in rows if layout.other[0] and _is(one, layout.other)]
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    without: dict[str, int] = defaultdict(int)
    for one in rows:
        if not _is(one, layout.student) or one in other:
            continue
        texts = (layout.task, layout.strong, layout.weak, layout.loss, layout.recipe, f"{{{layout.rows}}}")
        key = tuple(filled(text, one) for text in texts)
        if _share(one, layout.accuracy) is None:
            without[f"without an accuracy from 0 to 1, trained by {key[2]}"] += 1
        elif filled(layout.teacher_key, one) not in teachers:
            without[f"trained by {key[2]}, whose own run on gold labels is not in the table"] += 1
        else:
            groups[key].append(one)
    unpaired = [f"{count} runs {why}." for why, count in without.items()]
    if other:
        unpaired.append(f"{len(other)} runs with {layout.other[0]} {layout.other[1]}: no teacher labelled their rows.")
    outcomes = []
    for (task, strong, weak, loss, recipe, count), runs in groups.items():
        words = " ".join(word for word in recipe.split() if word != layout.plain)
        reached = [float(str(one[layout.accuracy])) for one in runs]
        about = Outcome(
            task, strong, weak, recipe=words, loss=loss, w2s_accuracy=1.0, rows=int(count), origin=layout.kind
        )
        weak_shares = [_share(teachers[filled(layout.teacher_key, one)], layout.accuracy) for one in runs]
        tops = [_share(ceilings.get(filled(layout.ceiling_key, one), {}), layout.accuracy) for one in runs]
        outcomes.append(accuracies_outcome(about, weak_shares, reached, tops))
    return Imported(layout.kind, tuple(outcomes), tuple(unpaired))


def _last(records: Sequence[Record], layout: RunTable) -> list[Record]:
    """The last epoch of every run."""
    if not layout.epoch:
        return list(records)
    latest: dict[tuple[str, ...], Record] = {}
    for one in records:
        key = (str(one[layout.student[0]]), *(filled(t, one) for t in (layout.strong, layout.weak, "{seed}")))
        if key not in latest or float(str(one[layout.epoch])) > float(str(latest[key][layout.epoch])):
            latest[key] = one
    return list(latest.values())


def _is(record: Record, which: tuple[str, str]) -> bool:
    value = str(record[which[0]] or "")
    return bool(value) if which[1] == "*" else value == which[1]


def _share(record: Mapping[str, object], column: str) -> float | None:
    """A number from 0 to 1 in a column, or None."""
    try:
        value = float(str(record.get(column)))
    except ValueError:
        return None
    return value if 0.0 <= value <= 1.0 else None
