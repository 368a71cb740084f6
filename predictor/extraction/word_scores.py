"""Word scores: class probabilities of rows from the words that a language model expects after them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, LimitError
from predictor.extraction.batching import plan_batches
from predictor.extraction.causal import NO_PREFIX, CausalModel, Prefix
from predictor.extraction.noted_answers import NotedAnswers
from predictor.extraction.prompts import Example, Prompts
from predictor.statistics.arrays import Array
from predictor.store.partial import PartialFeatures

CONTENT_FREE = ("N/A", "", "[MASK]")
"""Rows without content: the probabilities that a prompt gives them are its bias.

Source: Zhao et al. 2021, "Calibrate before use", arXiv:2102.09690, section 5.
"""

CACHED_POSITIONS = 8192
"""Rows × cached tokens in a batch at max_rows: each row brings its copy of the prefix's keys and values."""


STRETCH = 1.25
"""The longest row of a batch over the shortest at max_rows: shorter rows are padded, and their padding is computed."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Class probabilities of rows.

    Attributes:
        probabilities: (n, k), rows summing to 1, calibrated by content-free rows in the same place.
        plain: (n, k) the same without calibration.
        truncated: rows whose text was cut.
    """

    probabilities: Array
    plain: Array
    truncated: int


@dataclass(frozen=True, eq=False)
class WordScorer:
    """A language model that answers with label words.

    Attributes:
        model: answers.
        prompts: its questions.
        max_length: tokens of one question at max_rows.
        budget: tokens read in one batch.
    """

    model: CausalModel
    prompts: Prompts
    max_length: int
    budget: int

    def noted(self, partial: PartialFeatures, rows: int, groups: int = 1) -> NotedAnswers:
        """What `steps` takes as `noted` for so many rows, asked in so many groups."""
        words = self.prompts.words
        width = max(len(stem) + 1 for stem in words.stems) * len(words.tokens_used)
        return NotedAnswers(partial, (rows + groups * len(CONTENT_FREE)) * len(words.stems), width)

    def steps(
        self, texts: Sequence[str], examples: Sequence[Example] = (), noted: NotedAnswers | None = None
    ) -> Generator[int, None, Scored]:
        """Score rows, each behind the same examples, which are read once; yields rows done.

        p(c | x) ∝ P(word_c | x) / mean over content-free rows of P(word_c | ·), both normalised over the words.

        Args:
            noted: what a stopped run has read, which is not read again, and where this one notes what it reads.

        Raises:
            InputError: the prompt does not fit the model.
            LimitError: one row alone does not fit the memory.
        """
        room = self.room(len(examples))
        context = self.prompts.context(examples, room)
        asked = [self.prompts.question(text, room, first=not examples) for text in (*texts, *CONTENT_FREE)]
        logs = yield from self._log_words([ids for ids, _ in asked], context, len(texts), noted)
        words = np.exp(logs - logs.max(axis=1, keepdims=True))
        plain = words / words.sum(axis=1, keepdims=True)
        bias = plain[len(texts) :].mean(axis=0)
        lifted = plain[: len(texts)] / bias
        return Scored(
            lifted / lifted.sum(axis=1, keepdims=True), plain[: len(texts)], sum(cut for _, cut in asked[: len(texts)])
        )

    def room(self, examples: int) -> int:
        """Tokens for each question, so that examples, question and the longest word fit the model's positions."""
        if self.model.positions is None:
            return self.max_length
        extra = self.prompts.words.longest + 4
        room = min(self.max_length, self.model.positions // (examples + 1) - extra)
        if room < 1:
            raise InputError(
                f"{examples} rows in context do not fit the {self.model.positions} positions of this model; give "
                "shorter label words.",
                reason="PROMPT_TOO_LONG",
                field="prompt",
            )
        return room

    def _begin(self, ids: tuple[int, ...]) -> Prefix:
        try:
            return self.model.begin(ids) if ids else NO_PREFIX
        except MemoryError as error:
            raise _too_large(len(ids)) from error

    def _log_words(
        self, questions: Sequence[tuple[int, ...]], context: tuple[int, ...], rows: int, noted: NotedAnswers | None
    ) -> Generator[int, None, Array]:
        """(n, k) log-probabilities of the words behind each question; equal questions are read once."""
        distinct = {ids: place for place, ids in enumerate(dict.fromkeys(questions))}
        words = self.prompts.words
        found = np.empty((len(distinct), len(words.tokens)))
        column = {token: i for i, token in enumerate(words.tokens_used)}
        stems = [words.stem_of(word) for word in range(len(words.tokens))]
        prefix: Prefix | None = None
        done = 0

        def take(asked: NDArray[np.intp], logs: Array, behind: list[int]) -> int:
            for word in behind:
                found[asked, word] = sum(
                    logs[:, place, column[token]] for place, token in enumerate(words.tokens[word])
                )
            return min(rows, done * rows // (len(distinct) * len(words.stems)))

        for number, stem in enumerate(words.stems):
            behind = [word for word, at in enumerate(stems) if at == number]
            sequences = [np.array((*ids, *stem), dtype=np.int64) for ids in distinct]
            shape = (len(stem) + 1, len(words.tokens_used))
            known = np.zeros(len(distinct), dtype=bool)
            if noted is not None:
                numbers = noted.numbers(len(distinct))
                known = noted.known(numbers)
                done += int(known.sum())
                logs = noted.answers(numbers[known], shape[0] * shape[1]).reshape(-1, *shape)
                yield take(np.flatnonzero(known), logs, behind)
            if known.all():
                continue
            prefix = self._begin(context) if prefix is None else prefix
            batches = (batch[~known[batch]] for batch in self._batches(sequences, prefix))
            waiting = [batch for batch in batches if len(batch)]
            while waiting:
                batch = waiting.pop()
                try:
                    logs = self.model.log_probabilities(
                        prefix, [sequences[i] for i in batch], len(stem) + 1, words.tokens_used
                    )
                except MemoryError as error:
                    if len(batch) == 1:
                        raise _too_large(len(prefix.ids) + len(sequences[batch[0]])) from error
                    waiting.extend(np.array_split(batch, 2))
                    continue
                if noted is not None:
                    noted.add(numbers[batch], logs.reshape(len(batch), -1))
                done += len(batch)
                yield take(batch, logs, behind)
        return found[[distinct[ids] for ids in questions]]

    def _batches(self, sequences: list[NDArray[np.int64]], prefix: Prefix) -> list[NDArray[np.intp]]:
        """Batches of like lengths; the longest first when taken from the end."""
        cached, before = prefix.cache is not None, len(prefix.ids)
        max_rows = max(1, CACHED_POSITIONS // before) if cached else len(sequences)
        lengths = np.array([len(one) + (0 if cached else before) for one in sequences])
        bands = np.floor(np.log(lengths) / np.log(STRETCH))
        like = [np.flatnonzero(bands == band) for band in np.unique(bands)]
        return [
            rows[part]
            for rows in like
            for batch in list(plan_batches(lengths[rows], self.budget))[::-1]
            for part in np.array_split(batch, -(-len(batch) // max_rows))
        ]


def _too_large(tokens: int) -> LimitError:
    return LimitError(
        f"one prompt of {tokens} tokens does not fit the memory of this device; lower --max-length or use a smaller "
        "model.",
        reason="OUT_OF_MEMORY",
        field="model",
    )
