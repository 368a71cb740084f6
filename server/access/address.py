"""Address: where the server may listen."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from pathlib import Path

from predictor.errors import InputError, RefusedError

_HOST_PORT = re.compile(r"^(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})$")

_LONGEST_SOCKET = 107


def check_address(address: str, *, guarded: bool = False, field: str = "address") -> str:
    """The address, once it is known to be reachable by this machine's own users only, unless the endpoints are guarded.

    A unix socket must be in a folder that only its owner may enter; a missing folder is made so.

    Raises:
        InputError: neither `HOST:PORT` nor `unix:/path`.
        RefusedError: another interface than loopback without TLS and authentication, or a socket folder open to others.
    """
    if address.startswith("unix:"):
        _check_socket(Path(address.removeprefix("unix:").removeprefix("//") or "."), address)
        return address
    found = _HOST_PORT.match(address)
    if found is None or int(found["port"]) > 65_535:
        raise InputError(
            f"address {address!r} is neither HOST:PORT, with a port from 0 to 65535, nor unix:/absolute/path.",
            reason="BAD_ADDRESS",
            field=field,
        )
    if not guarded and not is_loopback(found["six"] or found["host"]):
        raise RefusedError(
            f"address {address!r} is open to other machines, which is refused without TLS and authentication: give "
            "--tls-cert, --tls-key and --tokens or --client-ca, or listen on 127.0.0.1 or unix:/path.",
            reason="OPEN_ADDRESS",
            field=field,
        )
    return address


def is_loopback(host: str) -> bool:
    """Whether a host is a name or an address of this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_socket(path: Path, address: str) -> None:
    if not path.is_absolute():
        raise InputError(
            f"address {address!r} has a relative path; give unix:/absolute/path.", reason="BAD_ADDRESS", field="address"
        )
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise InputError(
            f"address {address!r} has {len(os.fsencode(path))} bytes of path; the system takes {_LONGEST_SOCKET} for a "
            "socket. Choose a shorter folder.",
            reason="BAD_ADDRESS",
            field="address",
        )
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise RefusedError(
            f"the folder of socket {address!r} can be entered by other users; make it private with chmod 700.",
            reason="OPEN_ADDRESS",
            field="address",
        )
