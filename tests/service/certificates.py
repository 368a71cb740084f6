"""Authority: real certificates made with openssl, for tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


class Authority:
    """A certificate authority in a folder; `pem` is its certificate."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._key, self.pem = folder, folder / f"{name}.key", folder / f"{name}.pem"
        _openssl(
            "req", "-x509", *_new_key(self._key), "-out", str(self.pem), "-days", "2", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    def issue(self, name: str, *names: str) -> tuple[Path, Path]:
        """Certificate and key with these subject alternative names, such as `DNS:localhost`."""
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        extensions.write_text(f"subjectAltName={','.join(names)}\n" if names else "basicConstraints=CA:FALSE\n")
        _openssl("req", *_new_key(key), "-out", str(request), "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.pem), "-CAkey", str(self._key), "-CAcreateserial",
            "-days", "2", "-out", str(certificate), "-extfile", str(extensions),
        )  # fmt: skip
        return certificate, key


def _new_key(path: Path) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=120)
