"""Requests, answers and routes: as much of a web framework as the simulator needs."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a host of the environment sees it."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    scheme: str
    host: str

    @property
    def query(self) -> dict[str, str]:
        """The query options; their names are read in lower case (``$orderBy`` and ``$orderby`` are one)."""
        return {key.lower(): value for key, value in parse_qsl(self.raw_query, keep_blank_values=True)}

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    def json(self) -> Any:
        """The body; None if it is empty."""
        if not self.body.strip():
            return None
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise Refusal(400, "ArgumentException", f"The body is not JSON: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818  # an answer on its way out, not a failure of the simulator
    """Ends a request with the error body of the real system."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message

    def answer(self) -> Answer:
        body = {
            "Error": True,
            "ErrorType": self.kind,
            "ErrorMessage": self.message,
            "ErrorSource": "SuperOffice.Services.Implementation",
        }
        return json_answer(body, status=self.status)


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(value), headers=headers or {})


def nothing() -> Answer:
    return Answer(status=204)


def html(status: int, title: str) -> Answer:
    """What a proxy in front of the service answers."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status=status, body=page.encode(), content_type="text/html; charset=utf-8")


Context = TypeVar("Context")
Handler: TypeAlias = Callable[[Context, Mapping[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class Route(Generic[Context]):
    """``template`` holds ``{name}`` for one path segment."""

    method: str
    template: str
    handler: Handler[Context]


class Router(Generic[Context]):
    """Finds the handler of a path; literal segments win over templates."""

    def __init__(self, routes: Iterable[Route[Context]]) -> None:
        self._literal: dict[tuple[str, str], Handler[Context]] = {}
        self._templates: list[tuple[str, re.Pattern[str], Handler[Context]]] = []
        for route in routes:
            if "{" in route.template:
                self._templates.append((route.method, _pattern(route.template), route.handler))
            else:
                self._literal[route.method, route.template.lower()] = route.handler

    def answer(self, context: Context, method: str, path: str) -> Answer:
        literal = self._literal.get((method, path.lower()))
        if literal is not None:
            return literal(context, {})
        known = False
        for wanted, pattern, handler in self._templates:
            if (match := pattern.fullmatch(path)) is None:
                continue
            known = True
            if wanted == method:
                return handler(context, {key: unquote(text) for key, text in match.groupdict().items()})
        raise Refusal(405 if known else 404, "HttpException", f"No {method} on {path}")


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts))
    return re.compile(text, re.IGNORECASE)
