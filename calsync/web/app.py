"""The two applications of the daemon: health and metrics for everybody, operations for commands on this machine."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from litestar import Litestar, Response, get, post
from litestar.exceptions import HTTPException

from calsync.compose import House
from calsync.core.errors import CalsyncError
from calsync.web.failures import ERROR, Failure, failure_of
from calsync.web.operations import CHANGING, READING

log = logging.getLogger(__name__)


class Vitals(Protocol):
    """How the daemon is."""

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Whether it works at all; if not, it should be started again."""
        ...

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether it can do its work now."""
        ...

    def metrics(self) -> tuple[bytes, str]:
        """Prometheus text and its content type."""
        ...


def health_app(vitals: Vitals) -> Litestar:
    @get("/healthz", media_type="application/json", sync_to_thread=False)
    def healthz() -> Response[dict[str, Any]]:
        good, facts = vitals.live()
        return Response(facts, status_code=200 if good else 503)

    @get("/readyz", media_type="application/json", sync_to_thread=False)
    def readyz() -> Response[dict[str, Any]]:
        good, facts = vitals.ready()
        return Response(facts, status_code=200 if good else 503)

    @get("/metrics", sync_to_thread=False)
    def metrics() -> Response[bytes]:
        text, kind = vitals.metrics()
        return Response(text, media_type=kind)

    return Litestar([healthz, readyz, metrics], openapi_config=None, logging_config=None, debug=False)


def operations_app(house: House) -> Litestar:
    """``POST /operations/{name}`` with the arguments as a JSON object; the answer is ``{"exit", "value"}``."""

    @post("/operations/{name:str}", status_code=200)
    async def operate(name: str, data: dict[str, Any]) -> Response[dict[str, Any]]:
        operation = CHANGING.get(name) or READING.get(name)
        if operation is None:
            raise HTTPException(status_code=404, detail=f"there is no operation {name}")
        try:
            done = await operation(house, data)
        except CalsyncError as error:
            return _failed(failure_of(error))
        except Exception as error:
            # A bug in one request is said loudly and must not end the others.
            log.exception("the operation failed", extra={"action": "operation.failed"})
            text = f"an error of the program itself ({type(error).__name__}); its log has the details"
            return _failed(Failure(code="internal", message=text, exit=ERROR, status=500))
        return Response({"exit": done.exit, "value": done.value})

    return Litestar([operate], openapi_config=None, logging_config=None, debug=False)


def _failed(failure: Failure) -> Response[dict[str, Any]]:
    return Response({"exit": failure.exit, "value": failure.as_json()}, status_code=failure.status)
