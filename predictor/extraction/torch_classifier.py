"""TorchClassifier: transformers models with their sequence-classification head."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from predictor.errors import RefusedError
from predictor.extraction.backend import Runtime
from predictor.extraction.torch_backend import device_of, lack_of_memory, narrow
from predictor.extraction.torch_weights import load_weights
from predictor.models.adapter import read_adapter
from predictor.models.architectures import usable_positions
from predictor.models.artefact import Artefact


class TorchClassifier:
    """See `predictor.extraction.backend.Classifier`."""

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        named = [str(one) for one in artefact.config.get("architectures") or []]
        trained = artefact.base is not None and read_adapter(artefact.path, artefact.path.name).task == "SEQ_CLS"
        if not trained and not any(one.endswith("ForSequenceClassification") for one in named):
            raise RefusedError(
                f"{artefact.path.name} has no classification head (its architecture is {', '.join(named) or 'unnamed'},"
                " and one ForSequenceClassification is needed); #labels=words asks a causal language model, and "
                "--weak-labels takes predictions made elsewhere.",
                reason="NO_CLASSIFIER",
                field="model",
            )
        torch.set_num_threads(runtime.threads)
        self._device = torch.device(device_of(runtime.device))
        self._model = load_weights(artefact, torch.float32, AutoModelForSequenceClassification, ())
        self._model.eval().to(self._device)
        if runtime.precision == "bf16":
            narrow(self._model)
        config = self._model.config
        self._pad_id: int | None = config.pad_token_id
        self.outputs = int(config.num_labels)
        self.positions = usable_positions(config.to_dict())
        self.vocabulary: int | None = int(config.vocab_size)

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Classifier`.

        Heads on the last token look for the rightmost one that is no padding, by the padding id of the configuration;
        where there is none, rows are run one by one and unpadded.
        """
        if self._pad_id is None:
            alone = [
                self._run(ids[i : i + 1, : mask[i].sum()], mask[i : i + 1, : mask[i].sum()]) for i in range(len(ids))
            ]
            return np.concatenate(alone)
        return self._run(np.where(mask == 1, ids, self._pad_id), mask)

    @torch.inference_mode()
    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float64]:
        with lack_of_memory():
            found = self._model(
                input_ids=torch.from_numpy(np.ascontiguousarray(ids)).to(self._device),
                attention_mask=torch.from_numpy(np.ascontiguousarray(mask)).to(self._device),
            ).logits
            return np.asarray(found.float().cpu().numpy(), dtype=np.float64)
