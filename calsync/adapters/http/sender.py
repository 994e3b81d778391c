"""What sends a request: the connection pool, or what stands in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import httpcore


class Sender(Protocol):
    """Sends one request and gives its answer, whose body is still to be read."""

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response: ...


TransportFactory: TypeAlias = Callable[[str], Sender | None]
"""What sends to an origin in place of the network; None for the network."""
