"""What is acknowledged lay on the disk before: a file is synced before its rename, its folder after it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest
from protos.parts import PartManifest
from server.access.caller import LOCAL
from server.access.tokens import TokenFile
from server.config import Limits
from server.features.uploads import Uploads
from server.parts.store import PartStore
from tests.service.sending import chunks, signal


@pytest.fixture
def seen(monkeypatch):
    """Names of what was synced and renamed, in order."""
    events: list[tuple[str, str]] = []
    real = {name: getattr(os, name) for name in ("fsync", "fdatasync", "replace", "rename")}

    def syncing(name):
        def act(file):
            events.append(("sync", os.readlink(f"/proc/self/fd/{file}")))
            real[name](file)

        return act

    def renaming(name):
        def act(source, target, **options):
            events.append(("rename", f"{source}\n{target}"))
            real[name](source, target, **options)

        return act

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, syncing(name))
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, renaming(name))
    return events


def put(folder: Path) -> None:
    FeatureStore(folder / "features").put("ab" * 32, np.ones((3, 2), np.float32), {})


def push(folder: Path) -> None:
    FeatureStore(folder / "features").push("set", np.ones((3, 2), np.float32))


def token(folder: Path) -> None:
    TokenFile(folder / "tokens").add("alice", ["read"], 60.0)


def upload(folder: Path) -> None:
    values = signal(300, 512)
    stream = Uploads(folder / "uploads", Limits()).open(LOCAL, Manifest.of("set", values))
    for message in chunks(values):
        stream.write(message.chunk)
    stream.finish()
    stream.close()


def part(folder: Path) -> None:
    values = signal(300, 512)
    stream = PartStore(folder / "parts", Limits()).open(LOCAL, PartManifest.of(values.tobytes()))
    for message in chunks(values):
        stream.write(message.chunk)
    stream.finish()
    stream.close()


@pytest.mark.parametrize(("act", "renames"), [(put, 1), (push, 2), (token, 2), (upload, 2), (part, 1)])
def test_a_file_is_synced_before_its_name_and_its_folder_after(own_folders, seen, act, renames):
    act(own_folders)
    found = [place for place, (kind, _) in enumerate(seen) if kind == "rename"]
    assert len(found) == renames
    for place in found:
        source, target = seen[place][1].split("\n")
        assert ("sync", source) in seen[:place]
        assert ("sync", str(Path(target).parent)) in seen[place:]


def test_what_came_of_an_upload_is_synced_when_its_stream_ends(own_folders, seen):
    values = signal(300, 512)
    stream = Uploads(own_folders / "uploads", Limits()).open(LOCAL, Manifest.of("set", values))
    stream.write(chunks(values)[0].chunk)
    stream.close()
    assert seen[-1] == ("sync", str(stream.place))
