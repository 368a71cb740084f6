"""CallbackHosts: the hosts that jobs may report to, and the addresses that these may have."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from predictor.errors import ForbiddenError, InputError, UnavailableError

CALLBACK_TO = "W2S_CALLBACK_TO"
"""Entries between blanks."""

MAX_URL = 2048

_NAME = re.compile(r"^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$")
_URL = re.compile(r"^[\x21-\x7e]+$")

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class CallbackHosts:
    """An allow-list.

    Attributes:
        names: hosts with their ports, `hooks.example.org:443`.
        networks: networks of which every address and port may be called, also by plain HTTP, though they be private.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> CallbackHosts:
        """The hosts of `NAME`, `NAME:PORT`, an address, or a network such as `10.0.0.0/8`; none allows nothing.

        Raises:
            InputError: an entry of another form.
        """
        names, networks = set(), []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry))
                continue
            except ValueError:
                name, _, port = entry.lower().partition(":")
            if not _NAME.match(name) or not (port or "443").isdecimal() or not 0 < int(port or "443") < 65_536:
                raise InputError(
                    f"callback host {entry!r} is none; give NAME, NAME:PORT, an address or a network as in 10.0.0.0/8.",
                    reason="BAD_CALLBACK_HOST",
                    field="callback_to",
                )
            names.add(f"{name}:{int(port or '443')}")
        return cls(frozenset(names), tuple(networks))

    def check(self, url: str) -> None:
        """Let a URL pass that names an allowed host.

        Raises:
            InputError: it is no URL of the web, or has a user or a fragment.
            ForbiddenError: another host, or plain HTTP where that is not allowed.
        """
        parts = _split(url)
        host, port = str(parts.hostname), port_of(parts)
        literal = _literal(host)
        if literal is not None:
            allowed = self._within(literal)
        else:
            allowed = f"{host}:{port}" in self.names and (parts.scheme == "https" or bool(self.networks))
        if not allowed:
            raise ForbiddenError(
                f"callbacks may not go to {parts.scheme}://{host}:{port}: this server calls "
                f"{', '.join(self.entries) or 'no host'}. Ask its operator to add it to --callback-to, or watch the "
                "job instead.",
                reason="CALLBACK_FORBIDDEN",
                field="callback_url",
            )

    @property
    def entries(self) -> tuple[str, ...]:
        """The list as texts."""
        return (*sorted(self.names), *map(str, self.networks))

    async def addresses(self, url: str) -> list[str]:
        """Addresses of the URL's host that may be called, as it resolves now.

        Raises:
            InputError, ForbiddenError: as `check`.
            UnavailableError: it does not resolve, or one of its addresses is private and not allowed.
        """
        self.check(url)
        parts = _split(url)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                str(parts.hostname), port_of(parts), type=socket.SOCK_STREAM
            )
        except OSError as error:
            raise UnavailableError("the callback's host does not resolve.", reason="CALLBACK_FAILED") from error
        addresses = list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
        for text in addresses:
            address = ipaddress.ip_address(text)
            if not self._within(address) and (not _is_public(address) or parts.scheme == "http"):
                raise UnavailableError(
                    "the callback's host resolves to an address that may not be called.", reason="CALLBACK_FAILED"
                )
        return addresses

    def _within(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def port_of(parts: SplitResult) -> int:
    """The port of a URL that was checked."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    host = parts.hostname or ""
    known = _literal(host) is not None or _NAME.match(host)
    plain = parts.username is None and parts.password is None and not parts.fragment and port != 0
    if len(url) > MAX_URL or not _URL.match(url) or parts.scheme not in ("http", "https") or not known or not plain:
        raise InputError(
            f"callback_url has {len(url)} characters and is no URL that can be called; give https://HOST/PATH, at most "
            f"{MAX_URL} ASCII characters, without user, password and fragment.",
            reason="BAD_CALLBACK_URL",
            field="callback_url",
        )
    return parts


def _is_public(address: Address) -> bool:
    """Whether anybody on the internet has it, the addresses of version 4 that one of version 6 stands for included."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    behind = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        behind.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return all(one is None or _is_public(one) for one in behind)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
