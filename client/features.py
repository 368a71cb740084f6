"""FeatureClient: feature sets pushed to a server once, and fetched back, through lost connections and restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from client.sync_runner import SyncRunner
from client.transfers import TransferFlows
from predictor.steps import Steps
from predictor.store.entries import StoredFeatures
from predictor.store.manifest import Manifest
from predictor.store.named_features import NamedFeatures


class FeatureClient:
    """The feature sets of one server; `PredictorClient.features` is one."""

    def __init__(self, flows: TransferFlows, runner: SyncRunner) -> None:
        self._flows = flows
        self._stub = flows.stub
        self._runner = runner

    def push(
        self,
        name: str,
        values: NDArray[Any],
        *,
        rows_sha256: str | None = None,
        layer: str | None = None,
        parameters: int | None = None,
        depth: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> NamedFeatures:
        """Keep an array under a name, for `features:NAME` in rankings on that server.

        Args:
            name: up to 128 letters, digits and `. _ @ + -`.
            values: (n,) or (n, d), float or integer; a memory-mapped file is read a megabyte at a time.
            rows_sha256: `predictor.store.arrays.rows_digest` of the pool, to refuse other rows later; or None.
            layer: that the features were read at, or None.
            parameters: number of weights of the model, or None.
            depth: share of the model's blocks below that layer, 0 to 1, or None.
            labels: for filters of `ls`.

        Raises:
            InputError: a bad name, bad values or bad labels.
            LimitError: more than the server allows.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        about: dict[str, Any] = {"rows_sha256": rows_sha256, "layer": layer, "parameters": parameters, "depth": depth}
        manifest = Manifest.of(name, values, **about, labels=labels)
        return self._runner.run(self._flows.push(manifest, values))

    def push_steps(self, manifest: Manifest, values: NDArray[Any]) -> Steps[NamedFeatures]:
        """`push`, yielding bytes sent; closing the generator leaves what came on the server, to go on from."""
        return self._runner.iterate(self._flows.push(manifest, values))

    def pull(self, name: str) -> StoredFeatures:
        """The set of that name: (n, d) float32 values and what is known of them.

        Raises:
            NotFoundError: no such name.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        return self._runner.run(self._flows.pull(name))

    def pull_steps(self, name: str, path: Path) -> Steps[NamedFeatures]:
        """Write the set of that name to a `.npy` or `.safetensors` file, yielding bytes received; memory stays flat.

        The file appears once all of it has come and been checked.

        Raises:
            InputError: another kind of file.
            NotFoundError, UnavailableError: as `pull`.
        """
        return self._runner.iterate(self._flows.pull_to(name, path))

    def ls(self, filter: str = "", order_by: str = "") -> Iterator[NamedFeatures]:
        """Sets, fetched page by page; protos/w2s/v1/features.proto has the form of the texts.

        Args:
            filter: terms joined by AND, as in `labels.team = vision AND rows >= 1000`; empty for all.
            order_by: a field such as `rows desc`; empty for the order of names.

        Raises:
            InputError: a text of another form.
        """
        return self._runner.iterate(self._flows.ls(filter, order_by))

    def find(self, name: str) -> NamedFeatures:
        """The set of that name as `ls` shows it.

        Raises:
            NotFoundError: no such name.
        """
        return self._runner.run(self._flows.find(name))

    def remove(self, name: str) -> None:
        """Forget a set.

        Raises:
            NotFoundError: no such name.
        """
        self._runner.run(self._flows.remove(name))
