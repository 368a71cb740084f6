"""Case: one strong model, its candidates and the evidence, as every estimator sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from predictor.heads.head_cache import HeadCache
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.source import FeatureSet
from predictor.query.training_plan import FREE, Training
from predictor.spectral.alignment import Alignment
from predictor.spectral.kernels import Kernel, StreamedKernel, kernel_of, streams
from predictor.spectral.moments import check_same_rows, paired
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device
from predictor.statistics.once import once
from predictor.truth.voters import Voters


@dataclass(frozen=True, eq=False)
class Representation:
    """One model's features over the pool; its kernel is factored at most once.

    Attributes:
        name: candidate name.
        features: (n, d), finite; possibly a memory map, which is read in chunks.
        parameters: weights of the model, or None where unknown.
        depth: share of the model's blocks below the layer, 0 (embeddings) to 1 (last), or None where unknown.
        labels_only: the features are the candidate's labels, as it has no others.
        device: where training on the features is simulated. The kernel is numpy's: labels are drawn along eigenvectors,
            whose signs are free, so that another library would draw others.
    """

    name: str
    features: NDArray[np.floating]
    parameters: int | None = None
    depth: float | None = None
    labels_only: bool = False
    device: Device = HOST
    _alignments: WeakKeyDictionary[Representation, Alignment] = field(
        init=False, repr=False, default_factory=WeakKeyDictionary
    )
    _reordered: tuple[Representation, NDArray[np.integer]] | None = field(init=False, repr=False, default=None)
    _heads: HeadCache = field(init=False, repr=False, default_factory=HeadCache)

    @classmethod
    def of(cls, found: FeatureSet, device: Device = HOST) -> Representation:
        """What an estimator needs of a feature set."""
        return cls(found.name, found.values, found.parameters, found.depth, found.labels_only, device)

    @once
    def kernel(self) -> Kernel:
        """The full principal kernel (no truncation).

        Raises:
            InputError: the features are constant.
        """
        if self._reordered is not None:
            source, order = self._reordered
            return source.kernel.permuted(order)
        return kernel_of(self.features)

    def alignment(self, strong: Representation) -> Alignment:
        """This model's kernel beside the strong model's on the same rows, made at most once.

        Where the kernel is not known yet, it comes out of the same pass over the rows.

        Raises:
            InputError: the features are constant, or the models have different rows.
        """
        if strong not in self._alignments:
            check_same_rows(len(strong.features), len(self.features))
            moments = None
            if "kernel" not in self.__dict__ and isinstance(strong.kernel, StreamedKernel) and streams(self.features):
                moments, own = paired(strong.features, self.features)
                self.__dict__["kernel"] = StreamedKernel.of(self.features, own)
            self._alignments[strong] = Alignment.of(strong.kernel, self.kernel, moments)
        return self._alignments[strong]

    def head(self, train: NDArray[np.integer], other: NDArray[np.integer]) -> FactoredRidge:
        """A ridge head trained on some rows and carried over to others; the latest are cached."""
        return self._heads.of(self.features, train, other)

    @property
    def dim(self) -> int:
        """Feature dimensions."""
        return int(self.features.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Representation:
        """The same model on the given rows."""
        about = self.parameters, self.depth, self.labels_only, self.device
        return Representation(self.name, self.features[rows], *about)

    def permuted(self, order: NDArray[np.integer]) -> Representation:
        """The same model with its rows in another order; its eigenvalues are the same, so it is not factored again."""
        moved = self.take(order)
        object.__setattr__(moved, "_reordered", (self, order))
        return moved


@dataclass(frozen=True, eq=False)
class Refined:
    """One candidate's rows relabelled by the prompted strong model, twice.

    Attributes:
        first, second: (n, k) in the coding of the weak labels, given disjoint rows in context; NaN where a row was not
            relabelled.
    """

    first: Array
    second: Array

    def take(self, rows: NDArray[np.integer]) -> Refined:
        """The same on the given rows."""
        return Refined(self.first[rows], self.second[rows])


@dataclass(frozen=True, eq=False)
class Case:
    """What is known of the candidates when estimators run.

    Attributes:
        strong, weak: representations on the same rows.
        labels: gold labels of some rows, or None.
        weak_labels: candidate name -> (n, k) predictions in the coding of `labels`, where the user gave them.
        seed: root of every random choice.
        refined: candidate name -> what the prompted strong model made of its labels; None where refinement is
            estimated on linear concepts instead.
        training: what is known of the training to come.
        context_models: models on the same rows that shape the prior of tasks and are not candidates themselves.
        voters: scores of the rows by descriptions and proxies, or None.
        described_classes: classes that are described in words; 0 where none are, or the labels are numbers.
    """

    strong: Representation
    weak: tuple[Representation, ...]
    labels: Labels | None = None
    weak_labels: Mapping[str, Array] = field(default_factory=dict)
    seed: int = 0
    refined: Mapping[str, Refined] | None = None
    training: Training = FREE
    context_models: tuple[Representation, ...] = ()
    voters: Voters | None = None
    described_classes: int = 0

    @property
    def rows(self) -> int:
        """Pool rows."""
        return len(self.strong.features)

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, so that one estimator's draws never move another's."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def take(self, rows: NDArray[np.integer]) -> Case:
        """The same case on the given rows, for bootstraps; rows may repeat."""
        return Case(
            self.strong.take(rows),
            tuple(w.take(rows) for w in self.weak),
            None if self.labels is None else self.labels.take(rows),
            {name: values[rows] for name, values in self.weak_labels.items()},
            self.seed,
            None if self.refined is None else {name: one.take(rows) for name, one in self.refined.items()},
            self.training,
            tuple(one.take(rows) for one in self.context_models),
            None if self.voters is None else self.voters.take(rows),
            self.described_classes,
        )

    def shuffled(self, rng: np.random.Generator) -> Case:
        """The same case with every candidate's rows paired at random with the strong model's: the null.

        Nobody was prompted with shuffled rows, so refined labels are missing there.
        """
        order = rng.permutation(self.rows)
        return Case(
            self.strong,
            tuple(w.permuted(order) for w in self.weak),
            self.labels,
            {name: values[order] for name, values in self.weak_labels.items()},
            self.seed,
            None if self.refined is None else {},
            self.training,
            self.context_models,
            self.voters,
            self.described_classes,
        )
