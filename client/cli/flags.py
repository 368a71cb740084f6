"""Flags: those that several subcommands share, each declared once."""

from __future__ import annotations

import argparse
from typing import Any

from client.cli.parser import Collect, Parser
from predictor.errors import InputError
from predictor.query.model_reference import SCHEMES
from predictor.query.option import Group
from predictor.query.prompt import with_line_breaks
from predictor.query.settings import OPTIONS

_FORMS = [scheme.form for scheme in SCHEMES.values()]
MODEL = (
    f"{', '.join(_FORMS[:-1])} or {_FORMS[-1]}; NAME=MODEL gives an alias, #layer=3,6 and #pooling=cls override, "
    '#prefix="query: " goes before each row'
)
ROWS = ".jsonl .json .csv .tsv .parquet .arrow .txt (also .gz), a datasets folder, or - for standard input"


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
        default=[],
        help="a candidate supervisor; give several, or the flag several times; a folder of checkpoints is one each",
    )
    group.add_argument(
        "--candidates",
        metavar="FILE",
        help="file of further candidates: one a line, or YAML with name, reference and cost",
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
    group.add_argument(
        "--template",
        metavar="TEXT",
        type=with_line_breaks,
        help="join columns to texts: '{passage}\\nQ: {question}'; replaces --text-column",
    )
    add_options(group, "rows")


def add_evidence(parser: Parser) -> None:
    """What is known besides the models."""
    group = parser.add_argument_group("evidence")
    add_labels(group)
    add_descriptions(group)
    add_options(group, "evidence")


def add_labels(group: argparse._ArgumentGroup) -> None:
    """Labels of the rows, by people and by models."""
    group.add_argument(
        "--weak-labels",
        metavar="NAME=FILE",
        action=Collect,
        nargs="+",
        help="a candidate's own predictions on the rows: .npy (n,) or (n, classes), .npz, or a table with id,label",
    )
    group.add_argument(
        "--weak-label-column",
        metavar="NAME",
        help="column of weak labels, or no,yes: probabilities of each class (default: label, soft_label or soft_pred)",
    )
    group.add_argument("--labels", metavar="FILE", help="gold labels of some rows: id,label, or .npy (n,) with NaN")
    group.add_argument(
        "--label-column",
        metavar="NAME",
        help="column of gold labels: of --labels (default: label), else of the pool (default: none)",
    )


def add_descriptions(group: argparse._ArgumentGroup) -> None:
    """What is known of the labels without any label."""
    group.add_argument(
        "--describe",
        metavar="NAME=TEXT",
        action=Collect,
        nargs="+",
        help="what a class means in words, one for each class; of numbers: low and high; a name may come several times",
    )
    group.add_argument(
        "--describer",
        dest="describers",
        metavar="MODEL",
        action=Collect,
        nargs="+",
        help="sentence encoders that compare rows with descriptions (default: those among the models, else MiniLM)",
    )
    group.add_argument(
        "--proxy",
        dest="proxies",
        metavar="NAME=FILE",
        action=Collect,
        nargs="+",
        help="a number per row that is taken to go with the label: .npy (n,), or id,label",
    )


def add_extraction(parser: Parser) -> None:
    """How features are extracted."""
    add_options(parser.add_argument_group("extraction"), "extraction")


def add_ranking(parser: Parser) -> None:
    """How candidates are ranked."""
    add_options(parser.add_argument_group("ranking"), "ranking")


def add_decision(parser: Parser) -> None:
    """What can be launched, and what it costs."""
    add_options(parser.add_argument_group("decision"), "decision")


def add_label_prompt(parser: Parser) -> None:
    """How language models are asked for labels."""
    group = parser.add_argument_group("labels by models (--weak NAME=MODEL#labels=logits or #labels=words)")
    add_options(group, "labels")


def add_training(parser: Parser) -> argparse._ArgumentGroup:
    """What is known of the heads that will be trained, or are trained here."""
    group = parser.add_argument_group("training")
    add_options(group, "training")
    return group


def add_heads(group: argparse._ArgumentGroup) -> None:
    """What kind of heads they are; `w2s validate` has more to choose from."""
    add_options(group, "heads")


def add_stages(parser: Parser) -> None:
    """Whether rows are read in stages."""
    add_options(parser.add_argument_group("stages"), "stages")


def add_options(parser: argparse._ArgumentGroup, group: Group) -> None:
    """The flags of all settings of one group."""
    for keyword, option in OPTIONS.items():
        if option.group == group:
            several: dict[str, Any] = {"action": Collect, "nargs": "+"} if option.several else {}
            parser.add_argument(
                flag_of(keyword),
                dest=keyword,
                metavar=option.metavar,
                choices=option.choices or None,
                type=option.parse,
                help=option.help.replace("%", "%%"),
                **several,
            )


def flag_of(keyword: str) -> str:
    """The flag of a keyword of `build_query`."""
    option = OPTIONS.get(keyword)
    return (option.flag if option else "") or "--" + keyword.replace("_", "-")


def add_output(parser: Parser) -> None:
    """Where the answer goes."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="out.json", help="write the answer as JSON")
    group.add_argument("--html", metavar="out.html", help="write a report page")
    add_json(group)


def add_suggestions(parser: Parser) -> None:
    """Where suggested rows go."""
    parser.add_argument(
        "--suggestions",
        metavar="FILE",
        help="write the rows of --suggest-labels as id,text,label,reason (.csv, .tsv, .jsonl) to fill in and give to "
        "--labels; rows that the file has stay",
    )


def add_listing(parser: Parser, terms: str, order: str) -> None:
    """Declare which of a list are shown, and in which order.

    Args:
        parser: of the command.
        terms: an example of a filter.
        order: an example of an order.
    """
    parser.add_argument("--filter", metavar="TERMS", default="", help=f"as in '{terms}' (default: all)")
    parser.add_argument("--order-by", metavar="FIELD", default="", help=f"as in {order}; ' desc' for the largest first")


def add_json(parser: Parser | argparse._ArgumentGroup) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_server(parser: Parser, *, jobs: bool = False) -> None:
    """Which server answers, and whether to wait for it."""
    group = parser.add_argument_group("service")
    group.add_argument("--server", metavar="HOST:PORT", help="ask a running service (default: work on this machine)")
    group.add_argument("--token", metavar="TOKEN", help="bearer token; other users of this machine can see it here")
    group.add_argument("--token-file", metavar="FILE", help="file with the bearer token and nothing else")
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
    evidence = ("weak_labels", "labels", "describe", "describers", "proxies")
    columns = ("template", "label_column", "weak_label_column")
    names = ("strong", "weak", "candidates", "pool", "text_column", "id_column", *columns, *evidence, *OPTIONS)
    return {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
