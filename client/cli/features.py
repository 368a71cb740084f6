"""`w2s features`: the feature sets kept on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from client.cli.answer import check_destinations, print_json
from client.cli.flags import add_json
from client.cli.listing import listing
from client.cli.parser import Commands, add_command
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.features import FeatureStore

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def add(commands: Commands) -> None:
    """Declare the subcommand and its own."""
    parser = commands.add_parser("features", help="list, store, fetch, check and clear kept features")
    verbs: Commands = parser.add_subparsers(metavar="VERB", required=True)
    add_json(add_command(verbs, "ls", ls, "list named feature sets"))
    pushing = add_command(verbs, "push", push, "keep an array under a name, for features:NAME")
    pushing.add_argument("name", metavar="NAME")
    pushing.add_argument("file", metavar="FILE", help=".npy or .safetensors")
    pulling = add_command(verbs, "pull", pull, "write a named set to a file")
    pulling.add_argument("name", metavar="NAME")
    pulling.add_argument("-o", "--output", metavar="FILE", required=True, help=".npy or .safetensors")
    add_json(add_command(verbs, "verify", verify, "read every entry in full and set damaged ones aside"))
    clearing = add_command(verbs, "gc", gc, "delete the features used longest ago; named sets stay")
    clearing.add_argument("--keep", metavar="SIZE", default="0", help="bytes to keep, as in 500M or 10G (default: 0)")


def _store() -> FeatureStore:
    from predictor.features import FeatureStore
    from predictor.folders import cache_dir

    return FeatureStore(cache_dir() / "features")


def ls(arguments: argparse.Namespace) -> int:
    """List named sets, and the size of all entries."""
    store = _store()
    named = store.ls()
    if arguments.json:
        print_json([{"name": one.name, "rows": one.rows, "dim": one.dim, "bytes": one.size} for one in named])
        return 0
    rows = [(one.name, f"{one.rows:,}", str(one.dim), _size(one.size)) for one in named]
    print(listing(("name", "rows", "dim", "size"), rows, empty="no named feature sets"))
    print(f"{_size(store.size())} in all, under {store.folder}", file=sys.stderr)
    return 0


def push(arguments: argparse.Namespace) -> int:
    """Keep an array under a name."""
    from predictor.arrays import read_array

    found = read_array(arguments.file)
    about = {key: json.loads(found.about[key]) for key in ("parameters",) if key in found.about}
    about |= {key: found.about[key] for key in ("layer",) if key in found.about}
    _store().push(arguments.name, found.values, rows_sha256=found.about.get("rows_sha256"), about=about)
    print(f"kept; use it with --weak features:{arguments.name}")
    return 0


def pull(arguments: argparse.Namespace) -> int:
    """Write a named set to a file."""
    check_destinations(arguments.output)
    found = _store().pull(arguments.name)
    path = Path(arguments.output)
    if path.suffix == ".npy":
        np.save(path, found.values)
    elif path.suffix == ".safetensors":
        from safetensors.numpy import save_file

        about = {key: str(value) for key, value in found.about.items() if value is not None}
        save_file({"features": np.ascontiguousarray(found.values)}, str(path), metadata=about)
    else:
        raise InputError(f"-o is {arguments.output!r}; name a .npy or .safetensors file.", reason="BAD_DESTINATION")
    print(f"{path}: {len(found.values):,} rows × {found.values.shape[1]}")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Check every entry; 3 where some were damaged."""
    found = _store().verify()
    if arguments.json:
        print_json({"checked": found.checked, "damaged": list(found.damaged)})
    else:
        print(f"{found.checked:,} entries read, {len(found.damaged)} damaged")
        for key in found.damaged:
            print(f"  {key}: set aside; it is computed again when needed")
    return 3 if found.damaged else 0


def gc(arguments: argparse.Namespace) -> int:
    """Delete what is not needed."""
    freed = _store().gc(_bytes(arguments.keep))
    print(f"{_size(freed)} freed")
    return 0


def _bytes(text: str) -> int:
    number, unit = text.strip().upper().removesuffix("B"), ""
    if number and number[-1] in UNITS:
        number, unit = number[:-1], number[-1]
    try:
        size = float(number) * UNITS[unit]
    except ValueError as fault:
        raise InputError(f"--keep is {text!r}; give bytes, as in 500M or 10G.", reason="BAD_USAGE") from fault
    if not 0 <= size < float("inf"):
        raise InputError(f"--keep is {text!r}; it must be 0 or more.", reason="BAD_USAGE")
    return int(size)


def _size(count: int) -> str:
    for letter in ("T", "G", "M", "K"):
        if count >= UNITS[letter]:
            return f"{count / UNITS[letter]:.1f} {letter}B"
    return f"{count} B"
