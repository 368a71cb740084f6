"""Text of the page of `tests.benchmarks.past_outcomes`, with places for its tables."""

PAGE = """# Past outcomes as evidence

Made by `python -m tests.benchmarks.past_outcomes` from stored forecasts and measured outcomes; every cell is in
[past_outcomes.csv](past_outcomes.csv). {done} of {possible} cells had a stored forecast.

**Setting.** Outcomes are those of the accuracy record (every layer of every other model as a candidate, three
students a task), texts and molecules apart. Populations of many different models are on pages of their own,
[molecules](papers/molecules.md) and [text_population](papers/text_population.md).
`truth` sees rows and models alone. Each task is left out in turn: what is added are outcomes of the same candidates
on all other tasks, as `--past-outcomes any` adds them. *Static order*: mean rank of a candidate over the cells of the
other tasks. *Shuffled*: ρ where every past task gives its outcomes to candidates at random; it should be that of
`truth`.

{summary}

With a few past tasks, drawn {draws} times a cell, over the cells of the record with something to learn:

{counts}

## What it says

Written of 30 cells of ten tasks with something to learn.

* With past outcomes the order is better than that of `truth` alone and than the static order, in the mean of all
  cells and of texts. On molecules it is as good as `truth` and better than the static order. Gains are ordered better
  by more.
* A single past task adds .02 at a cost in every second cell, eight add .07. Random outcomes neither help nor harm in
  the mean.
* Single cells lose, up to .20: those where the candidates' order is unlike that of other tasks (ESOL, FreeSolv and
  subjectivity with one student).
* Not measured: cells without a stored forecast, among them those of tasks on which nothing is learned; past outcomes
  beside weak or gold labels; outcomes of other recipes.

## What was chosen after looking

* The combination: without looking, standardised outcomes were scaled to the spread that the forecast says, and draws
  were narrowed. On 27 cells that had ρ .79, errors worse in size than those of either alone on molecules, and .63 of
  centred errors inside the 90 % range (`truth`: .83). Errors in label variance now keep their own spread, students of
  a task are kept apart, and draws are moved only.
* How near a task is: its order's correlation with the forecast was compared with that of the two forecasts (powers 1
  to 16), with a kriging of candidates, and with weights that are all alike, on `label_prior_simulation` and all 66
  cells. With all past tasks the rules are within .02 of each other. With one or two, the first is .03 to .08 better
  than equal weights. Its mean with the correlation to the other past tasks is as good (.79, 30 cells), and was taken
  because consistent outcomes counted for nothing where the forecast contradicts them.
* The prior agreement (.3), and that a lone pair of tasks weighs as much, were set beforehand.

## Every cell, the one that past outcomes harm most first

{cells}
"""
