"""`w2s features`: feature sets stored on this machine, or with `--server` on a server."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from client.cli.destinations import check_destinations, write_bytes
from client.cli.flags import add_json, add_listing, add_server
from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.parser import Collect, Commands, add_command
from client.cli.progress import display, follow
from predictor.errors import InputError

if TYPE_CHECKING:
    from client.client import PredictorClient
    from predictor.store.features import FeatureStore

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def add(commands: Commands) -> None:
    """Declare the subcommand and its verbs."""
    parser = commands.add_parser("features", help="list, push, pull, verify and delete stored features")
    verbs: Commands = parser.add_subparsers(metavar="VERB", required=True)
    listed = add_command(verbs, "ls", ls, "list named feature sets")
    add_listing(listed, "labels.team = vision AND rows >= 1000", "rows")
    add_json(listed)
    pushing = add_command(verbs, "push", push, "store an array under a name, for features:NAME")
    pushing.add_argument("name", metavar="NAME")
    pushing.add_argument("file", metavar="FILE", help=".npy or .safetensors")
    pushing.add_argument("--label", metavar="KEY=VALUE", action=Collect, nargs="+", help="for --filter of ls")
    pulling = add_command(verbs, "pull", pull, "write a named set to a file")
    pulling.add_argument("name", metavar="NAME")
    pulling.add_argument("-o", "--output", metavar="FILE", required=True, help=".npy or .safetensors")
    removing = add_command(verbs, "rm", remove, "delete a named set")
    removing.add_argument("name", metavar="NAME")
    for verb in (listed, pushing, pulling, removing):
        add_server(verb)
    add_json(add_command(verbs, "verify", verify, "check every entry, of all tenants, and set damaged ones aside"))
    clearing = add_command(verbs, "gc", gc, "delete the least recently used features, of all tenants, but no named set")
    clearing.add_argument("--keep", metavar="SIZE", default="0", help="size to keep, such as 500M or 10G (default: 0)")


def _store() -> FeatureStore:
    from predictor.folders import cache_dir
    from predictor.store.features import FeatureStore

    return FeatureStore(cache_dir() / "features")


def _every_store() -> tuple[FeatureStore, ...]:
    """This user's own store and those of the tenants of a server with its cache here."""
    from predictor.folders import cache_dir
    from predictor.store.stores import stores_in

    return stores_in(cache_dir())


def _client(arguments: argparse.Namespace) -> PredictorClient:
    from client.cli.connection import connect

    return connect(arguments)


def ls(arguments: argparse.Namespace) -> int:
    """List named sets, and on this machine the size of all entries."""
    store = None if arguments.server else _store()
    if store is None:
        with _client(arguments) as client:
            named = list(client.features.ls(arguments.filter, arguments.order_by))
    else:
        from predictor.results.selection import Selection
        from predictor.store.named_features import FIELDS

        named = Selection.parse(arguments.filter, arguments.order_by, FIELDS).of(store.ls())
    if arguments.json:
        print_json(
            [
                {"name": one.name, "rows": one.rows, "dim": one.dim, "bytes": one.size, "labels": dict(one.labels)}
                for one in named
            ]
        )
        return 0
    rows = [
        (one.name, f"{one.rows:,}", str(one.dim), _size(one.size), " ".join(f"{k}={v}" for k, v in one.labels.items()))
        for one in named
    ]
    print(listing(("name", "rows", "dim", "size", "labels"), rows, empty="no named feature sets"))
    if store is not None:
        print(f"{_size(store.size())} in all, under {store.folder}", file=sys.stderr)
    return 0


def push(arguments: argparse.Namespace) -> int:
    """Store an array under a name."""
    from predictor.store.array_files import read_array
    from predictor.store.facts import facts_of

    found = read_array(arguments.file)
    known: dict[str, Any] = {"layer": found.about.get("layer"), **facts_of(found.about)}
    about = {key: value for key, value in known.items() if value is not None}
    rows, labels = found.about.get("rows_sha256"), _labels(arguments.label or ())
    if arguments.server:
        from predictor.store.manifest import Manifest

        manifest = Manifest.of(arguments.name, found.values, rows_sha256=rows, labels=labels, **about)
        with _client(arguments) as client:
            follow(client.features.push_steps(manifest, found.values), display())
    else:
        _store().push(arguments.name, found.values, rows_sha256=rows, about=about, labels=labels)
    from client.cli.connection import where

    print(f"stored; use it with --weak features:{arguments.name}{where(arguments)}")
    return 0


def _labels(given: Sequence[str]) -> dict[str, str]:
    wrong = next((text for text in given if "=" not in text), None)
    if wrong is not None:
        raise InputError(f"--label is {wrong!r}; give KEY=VALUE, as in team=vision.", reason="BAD_USAGE")
    return dict(text.split("=", 1) for text in given)


def pull(arguments: argparse.Namespace) -> int:
    """Write a named set to a file."""
    check_destinations(arguments)
    path = Path(arguments.output)
    if arguments.server:
        with _client(arguments) as client:
            named = follow(client.features.pull_steps(arguments.name, path), display())
        print(f"{path}: {named.rows:,} rows × {named.dim}")
        return 0
    found = _store().pull(arguments.name)
    if path.suffix == ".npy":
        out = io.BytesIO()
        np.save(out, found.values)
        write_bytes(arguments.output, out.getvalue())
    elif path.suffix == ".safetensors":
        from predictor.models.libraries import need

        need("safetensors", purpose="writing .safetensors")
        from safetensors.numpy import save

        about = {key: str(value) for key, value in found.about.items() if value is not None}
        write_bytes(arguments.output, save({"features": np.ascontiguousarray(found.values)}, metadata=about))
    else:
        raise InputError(f"-o is {arguments.output!r}; name a .npy or .safetensors file.", reason="BAD_DESTINATION")
    print(f"{path}: {len(found.values):,} rows × {found.values.shape[1]}")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Delete a named set."""
    if arguments.server:
        with _client(arguments) as client:
            client.features.remove(arguments.name)
    else:
        _store().remove(arguments.name)
    print(f"{arguments.name} is deleted")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Check every entry; 3 where some were damaged."""
    found = [store.verify() for store in _every_store()]
    checked, damaged = sum(one.checked for one in found), [key for one in found for key in one.damaged]
    if arguments.json:
        print_json({"checked": checked, "damaged": damaged})
    else:
        print(f"{checked:,} entries read, {len(damaged)} damaged")
        for key in damaged:
            print(f"  {key}: set aside; it is computed again when needed")
    return 3 if damaged else 0


def gc(arguments: argparse.Namespace) -> int:
    """Delete the least recently used features."""
    from predictor.store.stores import sweep

    freed = sweep(_every_store(), _bytes(arguments.keep))
    print(f"{_size(freed)} freed")
    return 0


def _bytes(text: str) -> int:
    number, unit = text.strip().upper().removesuffix("B"), ""
    if number and number[-1] in UNITS:
        number, unit = number[:-1], number[-1]
    try:
        size = float(number) * UNITS[unit]
    except ValueError as error:
        raise InputError(f"--keep is {text!r}; give bytes, as in 500M or 10G.", reason="BAD_USAGE") from error
    if not 0 <= size < float("inf"):
        raise InputError(f"--keep is {text!r}; it must be 0 or more.", reason="BAD_USAGE")
    return int(size)


def _size(count: int) -> str:
    for letter in ("T", "G", "M", "K"):
        if count >= UNITS[letter]:
            return f"{count / UNITS[letter]:.1f} {letter}B"
    return f"{count} B"
