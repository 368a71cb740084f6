"""HostileFiles: models, configurations and wheels that somebody made to hurt the machine that reads them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import StringStringEntryProto, TensorProto, helper, load

from tests.service.malformed import mutants

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Attack:
    """One thing that is tried.

    Attributes:
        kind: row of the table.
        name: what it is.
        reference: of the candidate that carries it.
    """

    kind: str
    name: str
    reference: str


class Opens:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.target), "w"))


def models(folder: Path, sound: Path, graph: Path, proof: Path) -> Iterator[Attack]:
    """Weights and graphs.

    Args:
        folder: where they are written.
        sound, graph: folders of a sound model in safetensors and of one in ONNX.
        proof: file that exists once code of a model has run.
    """
    weights = (sound / "model.safetensors").read_bytes()
    header = json.loads(weights[8 : 8 + struct.unpack("<Q", weights[:8])[0]])
    first = next(name for name in header if name != "__metadata__")

    def headed(text: bytes, length: int | None = None) -> bytes:
        return struct.pack("<Q", len(text) if length is None else length) + text + weights[-1000:]

    def changed(**facts: Any) -> bytes:
        return headed(json.dumps(header | {first: header[first] | facts}).encode())

    files: dict[str, bytes] = {
        "a header of 2^63 bytes": headed(b"{}", 1 << 63),
        "a header of 100 MB": headed(b"{}", 100 * MEGABYTE),
        "a header that is no JSON": headed(b"\xff" * 64),
        "a header nested 100,000 deep": headed(b"[" * 100_000),
        "a header with a name twice": headed(b'{"a": {}, "a": {}}'),
        "a shape below 0": changed(shape=[-1, 8]),
        "a shape of 2^62 rows": changed(shape=[1 << 62, 8]),
        "a shape that is text": changed(shape="many"),
        "offsets beyond the file": changed(data_offsets=[0, 1 << 40]),
        "offsets in reverse": changed(data_offsets=[64, 0]),
        "an unknown type": changed(dtype="OBJECT"),
        "weights cut short": weights[: len(weights) // 2],
        "no bytes": b"",
        "zeros": bytes(4096),
    }
    for number, (name, data) in enumerate(files.items()):
        yield Attack("models", f"safetensors: {name}", _copied(sound, folder / f"s{number}", "model.safetensors", data))
    for name in ("pytorch_model.bin", "model.ckpt", "training_args.bin"):
        place = folder / f"pickle-{name}"
        _copied(sound, place, name, pickle.dumps(Opens(proof)))
        (place / "model.safetensors").unlink()
        yield Attack("models", f"a pickle as {name}", str(place))
    for name, target in (("/dev/zero", "/dev/zero"), ("/etc/passwd", "/etc/passwd"), ("itself", "model.safetensors")):
        place = Path(_copied(sound, folder / f"link-{len(name)}", "model.safetensors", b""))
        (place / "model.safetensors").unlink()
        os.symlink(target, place / "model.safetensors")
        yield Attack("models", f"weights that are a link to {name}", str(place))
    place = Path(_copied(sound, folder / "pipe", "model.safetensors", b""))
    (place / "model.safetensors").unlink()
    os.mkfifo(place / "model.safetensors")
    yield Attack("models", "weights that are a pipe", str(place))
    yield from _graphs(folder, graph)


def _graphs(folder: Path, graph: Path) -> Iterator[Attack]:
    raw = (graph / "model.onnx").read_bytes()

    def made(change: Callable[[Any], object]) -> bytes:
        model = load(graph / "model.onnx")
        change(model)
        return bytes(model.SerializeToString())

    def outside(location: str) -> Callable[[Any], object]:
        def change(model: Any) -> None:
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.append(StringStringEntryProto(key="location", value=location))

        return change

    def add(node: Any) -> Callable[[Any], object]:
        return lambda model: model.graph.node.insert(0, node)

    shape = TensorProto(dims=[1 << 40], data_type=TensorProto.FLOAT, name="huge", raw_data=b"\0" * 8)
    files = {
        "random bytes": random.Random(0).randbytes(4096),
        "cut short": raw[: len(raw) // 2],
        "external tensors in /etc": made(outside("/etc/passwd")),
        "external tensors above": made(outside("../../secret")),
        "external tensors in /dev/zero": made(outside("/dev/zero")),
        "an operator of a library": made(add(helper.make_node("Exec", [], ["x"], domain="com.evil"))),
        "a tensor of 2^40 numbers": made(lambda model: model.graph.initializer.append(shape)),
        "a loop that never ends": made(
            add(helper.make_node("Loop", ["", ""], [], body=helper.make_graph([], "body", [], [])))
        ),
        "an output that nothing makes": made(lambda model: setattr(model.graph.output[0], "name", "nothing")),
    }
    for number, (name, data) in enumerate(files.items()):
        place = _copied(graph, folder / f"o{number}", "model.onnx", data)
        yield Attack("models", f"onnx: {name}", f"onnx:{place}/model.onnx#layer=1")


def configurations(folder: Path, sound: Path) -> Iterator[Attack]:
    """`config.json` and tokenizers of a sound model, changed."""
    config = json.loads((sound / "config.json").read_text())
    code = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoModelForCausalLM": "evil.Model"}
    configs: dict[str, bytes] = {
        name: json.dumps(config | facts).encode()
        for name, facts in (
            ("65,536 layers", {"num_hidden_layers": 65_536}),
            ("10^30 layers", {"num_hidden_layers": 10**30}),
            ("minus one layer", {"num_hidden_layers": -1}),
            ("a width of 2^30", {"hidden_size": 1 << 30}),
            ("a vocabulary of 2^40", {"vocab_size": 1 << 40}),
            ("an inner width of 2^40", {"intermediate_size": 1 << 40}),
            ("no heads", {"num_attention_heads": 0}),
            ("a width that is text", {"hidden_size": "wide"}),
            ("a width that is a list", {"hidden_size": [8]}),
            ("code of its own", {"auto_map": code, "architectures": ["evil.Model"], "trust_remote_code": True}),
            ("an unknown architecture", {"model_type": "evil", "architectures": ["Evil"]}),
            ("a kernel of the hub", {"_attn_implementation": "evil/kernel", "attn_implementation": "evil/kernel"}),
            ("a quantizer of its own", {"quantization_config": {"quant_method": "evil", "modules": ["os.system"]}}),
            ("a type that is code", {"torch_dtype": "__import__('os').system('id')"}),
            ("a model type that is a path", {"model_type": "../../etc/passwd"}),
            ("positions without bound", {"max_position_embeddings": 1 << 50}),
        )
    } | {
        "JSON nested 100,000 deep": b"[" * 100_000,
        "an object nested 50,000 deep": b'{"a":' * 50_000,
        "a list": b"[]",
        "a number": b"1e999999",
        "not UTF-8": b"\xff\xfe{}",
        "a million keys": json.dumps({f"k{i}": i for i in range(1_000_000)}).encode(),
        "an integer of a million digits": b'{"hidden_size": ' + b"9" * 1_000_000 + b"}",
        "no bytes": b"",
    }
    for number, (name, data) in enumerate(configs.items()):
        yield Attack("configs", f"config.json: {name}", _copied(sound, folder / f"c{number}", "config.json", data))
    tokenizer = json.loads((sound / "tokenizer.json").read_text())
    expression = {"type": "Split", "pattern": {"Regex": "(a|a)*$"}, "behavior": "Isolated", "invert": False}
    tokenizers = {
        "nested 100,000 deep": b"[" * 100_000,
        "of another form": b'{"model": {"type": "Evil"}}',
        "an expression that does not parse": json.dumps(
            tokenizer | {"pre_tokenizer": expression | {"pattern": {"Regex": "((("}}}
        ).encode(),
        "token ids beyond the embeddings": json.dumps(tokenizer).replace('"<unk>": 3', '"<unk>": 4000000000').encode(),
        "not UTF-8": b"\xff" * 100,
        "no bytes": b"",
    }
    for number, (name, data) in enumerate(tokenizers.items()):
        place = _copied(sound, folder / f"t{number}", "tokenizer.json", data)
        yield Attack("configs", f"tokenizer.json: {name}", place)
    settings = json.dumps({"tokenizer_class": "evil.Tokenizer", "auto_map": {"AutoTokenizer": ["evil.T", None]}})
    place = _copied(sound, folder / "tokenizer-code", "tokenizer_config.json", settings.encode())
    (Path(place) / "tokenizer.json").unlink()
    yield Attack("configs", "tokenizer_config.json: code of its own", place)


def wheels(folder: Path, sound: Path) -> Iterator[Attack]:
    """Wheels in a folder that pip is pointed at."""
    folder.mkdir(parents=True)
    config = (sound / "config.json").read_bytes()
    nested = folder / "nested.zip"
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("m/model.safetensors", bytes(256 * MEGABYTE))
    link = zipfile.ZipInfo("m/model.safetensors")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members: dict[str, list[tuple[zipfile.ZipInfo | str, bytes]]] = {
        "zeros": [("m/model.safetensors", bytes(256 * MEGABYTE))],
        "climbing": [("m/../../../../climbed", b"x"), ("m/config.json", config)],
        "absolute": [("/climbed", b"x"), ("m/config.json", config)],
        "linked": [(link, b"/etc/passwd"), ("m/config.json", config)],
        "crowded": [(f"m/{number}", b"") for number in range(30_000)],
        "twice": [("m/config.json", config), ("m/config.json", b"{}")],
        "clashing": [("m/config.json", config), ("m/config.json/x", b"x")],
        "long-names": [("m/" + "n" * 250 + f"/{'o' * 250}", b"x"), ("m/config.json", config)],
    }
    for name, files in members.items():
        _wheel(folder, name, files)
        yield Attack("wheels", name, f"pypi:hostile-{name}==1/m")
    _wheel(folder, "nested", [("m.zip", nested.read_bytes())])
    nested.unlink()
    yield Attack("wheels", "a zip of zeros in a wheel", "pypi:hostile-nested==1/m.zip!/m")
    _wheel(folder, "torn", [("m/model.safetensors", random.Random(1).randbytes(MEGABYTE))])
    place = folder / "hostile_torn-1-py3-none-any.whl"
    place.write_bytes(place.read_bytes().replace(random.Random(1).randbytes(64), bytes(64), 1))
    yield Attack("wheels", "a member that does not have its checksum", "pypi:hostile-torn==1/m")
    (folder / "hostile_bytes-1-py3-none-any.whl").write_bytes(random.Random(2).randbytes(MEGABYTE))
    yield Attack("wheels", "random bytes", "pypi:hostile-bytes==1/m")
    yield Attack("wheels", "a package that is not there", "pypi:hostile-absent==1/m")
    yield Attack("wheels", "a folder above the package", "pypi:hostile-twice==1/../../../etc")


def damaged(folder: Path, sound: Path, graph: Path, rng: random.Random, count: int) -> Iterator[Attack]:
    """Sound models of which one file has a few bytes changed, for the long form."""
    for number in range(count):
        source, name = rng.choice(
            [(sound, "config.json"), (sound, "tokenizer.json"), (sound, "model.safetensors"), (graph, "model.onnx")]
        )
        data = (source / name).read_bytes()
        head = 4096 if name == "model.safetensors" else len(data)
        place = _copied(source, folder / f"d{number}", name, mutants(rng, data[:head]) + data[head:])
        yield Attack("damaged", name, f"onnx:{place}/{name}#layer=1" if source is graph else place)


def _copied(source: Path, place: Path, name: str, data: bytes) -> str:
    shutil.copytree(source, place)
    (place / name).write_bytes(data)
    return str(place)


def _wheel(folder: Path, name: str, files: list[tuple[zipfile.ZipInfo | str, bytes]]) -> None:
    """A wheel that pip takes."""
    package = f"hostile_{name.replace('-', '_')}"
    info = f"{package}-1.dist-info"
    facts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hostile\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in facts.items()
    ]
    facts[f"{info}/RECORD"] = "\n".join([*digests, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(folder / f"{package}-1-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as pack:
        for path, data in (*files, *facts.items()):
            pack.writestr(path, data)
