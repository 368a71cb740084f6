"""Peers: the loops of other libraries over the same texts, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np

from predictor.models.artefact import Artefact
from predictor.models.forms import GGUF, TRANSFORMERS

PEERS = r"""
import json, sys, time
import numpy as np, torch
device, side, folder, texts, out = sys.argv[1:6]
texts = json.load(open(texts))
torch.set_num_threads(1)
if side == "sentence-transformers":
    from sentence_transformers import SentenceTransformer, models
    word = models.Transformer(folder, max_seq_length=256)
    pooling = models.Pooling(word.get_word_embedding_dimension(), "mean")
    model = SentenceTransformer(modules=[word, pooling], device=device)
    def run():
        return model.encode(texts, batch_size=32, show_progress_bar=False, convert_to_numpy=True)
else:
    from transformer_ranker.embedder import Embedder
    model = Embedder(folder, layer_ids="-1", sentence_pooling="mean", device=device, local_files_only=True)
    model.tokenizer.model_max_length = 256
    def run():
        found = model.embed(texts, batch_size=32, show_progress=False)
        return torch.stack([one.reshape(-1) for one in found]).cpu().float().numpy()
np.save(out, run())
print("ready", flush=True)
for _ in sys.stdin:
    if device != "cpu": torch.cuda.synchronize()
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    if device != "cpu": torch.cuda.synchronize()
    print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall]), flush=True)
"""
"""transformer-ranker averages words instead of tokens and leaves markers out, so its vectors are its own."""


class Peer:
    """Another library's loop in a process of its own, one round at a time."""

    def __init__(self, python: str, device: str, side: str, folder: Path, texts: Path, place: Path) -> None:
        self.name, self._out = side, place / f"{side}.npy"
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        command = [python, "-c", PEERS, device, side, str(folder), str(texts), str(self._out)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._expect("ready")
        self.vectors = np.load(self._out)

    def round(self) -> tuple[float, float]:
        """CPU and wall seconds of one more round."""
        assert self._process.stdin is not None
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        cpu, wall = json.loads(self._expect("["))
        return cpu, wall

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _expect(self, start: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line
        raise RuntimeError(f"{self.name} ended early")


def folder_for_peers(artefact: Artefact, place: Path) -> Path | None:
    """The model as a folder that the peers can open; None where its tokenizer or its form is not theirs."""
    if artefact.form == TRANSFORMERS and not (artefact.path / "w2s_tokenizer.json").exists():
        return artefact.path
    if artefact.form != GGUF:
        return None
    import torch
    from transformers import AutoTokenizer

    from predictor.extraction.torch_weights import load_weights

    folder = place / "gguf"
    load_weights(artefact, torch.float32).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(str(artefact.folder), gguf_file=artefact.path.name)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    return folder
