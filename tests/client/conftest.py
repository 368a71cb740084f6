"""One server for every test that leaves it as it was; a fresh one for those that hurt it."""

from tests.service.servers import client, server, start  # noqa: F401  # fixtures
