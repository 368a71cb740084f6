"""Downloads of feature sets: from any byte, whole and checked, or refused."""

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError, RefusedError
from predictor.store.array_files import read_array
from protos import convert
from tests.service.sending import download, signal


@pytest.mark.parametrize("start", range(0, 1_228_801, 307_200))
def test_a_download_goes_on_from_any_byte(client, start):
    values = signal(seed=60)
    client.features.push("down", values)
    first, *rest = download(client, "down", start)
    description = convert.description_from_proto(first.description)
    assert (description.size, description.features.rows) == (values.nbytes, 300)
    assert b"".join(answer.chunk.data for answer in rest) == values.tobytes()[start:]
    again = next(download(client, "down", start, description.sha256))
    assert again.description == first.description


def test_a_download_that_cannot_go_on_reports_why(server, client):
    client.features.push("down", signal(seed=61))
    with pytest.raises(RefusedError, match="is another one by now; download it from the start") as caught:
        list(download(client, "down", 100, "0" * 64))
    assert caught.value.reason == "FEATURES_CHANGED"
    for offset in (-1, 1_228_801):
        with pytest.raises(InputError, match="it must be from 0 to 1228800"):
            list(download(client, "down", offset))
    with pytest.raises(NotFoundError, match="there is no feature set 'nothing'"):
        list(download(client, "nothing"))


def test_a_damaged_set_is_never_sent(start):
    running = start()
    with running.client() as client:
        client.features.push("frail", signal())
        path = next((running.folder / "cache").rglob("*.w2sf"))
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
        with pytest.raises(NotFoundError, match="'frail' was lost or damaged; push it again"):
            client.features.pull("frail")
        client.features.push("frail", signal())
        np.testing.assert_array_equal(client.features.pull("frail").values, signal())


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_download_to_a_file_is_read_back_as_an_array(client, tmp_path, suffix):
    values = signal(77, 13)
    client.features.push("filed", values, rows_sha256="cd" * 32, layer="3", parameters=9, depth=0.25)
    path = tmp_path / f"out{suffix}"
    for _ in client.features.pull_steps("filed", path):
        pass
    found = read_array(str(path))
    np.testing.assert_array_equal(found.values, values)
    if suffix == ".safetensors":
        reported = [found.about[key] for key in ("rows_sha256", "parameters", "depth", "layer")]
        assert reported == ["cd" * 32, "9", "0.25", "3"]
    with pytest.raises(NotFoundError):
        list(client.features.pull_steps("absent", path))
    with pytest.raises(InputError, match=r"name a \.npy or \.safetensors file"):
        list(client.features.pull_steps("filed", tmp_path / "out.bin"))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
