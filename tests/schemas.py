"""The published definition of the SuperOffice API as a judge of every exchange with the simulator.

The definition lies outside the project, so these checks are skipped where it is not at hand; in CI with the
folder present they must run. Its schemas are open; requests are checked strictly, so that a misspelt
property is found.
"""

from __future__ import annotations

import copy
import json
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping

_ROOT = Path(__file__).resolve().parent.parent
_METHODS = ("get", "put", "post", "delete", "patch")


class SchemaError(AssertionError):
    """An exchange does not fit the published definition."""


def schema_folder() -> Path:
    return Path(os.environ.get("CALSYNC_SCHEMAS") or _ROOT.parent / "shared" / "reference")


def superoffice_schemas() -> Definition:
    """The compiled definition; skips the test where it is not at hand."""
    path = schema_folder() / "superoffice-openapi.json"
    if not path.is_file():
        if os.environ.get("CI") == "true" and path.parent.is_dir():
            pytest.fail(f"{path} is missing although its folder is there")
        pytest.skip(f"the published definition is not at hand: {path}")
    return _compiled(path)


@cache
def _compiled(path: Path) -> Definition:
    return Definition(json.loads(path.read_text(encoding="utf-8")))


@dataclass(slots=True)
class Operation:
    """One operation. ``query`` maps parameter names in lower case to their schemas."""

    template: str
    pattern: re.Pattern[str]
    spec: dict[str, Any]
    query: dict[str, dict[str, Any]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)


class Definition:
    """Finds the operation of a request and checks what was said."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._open = document["components"]
        self._strict = {**self._open, "schemas": {n: strict(s) for n, s in self._open["schemas"].items()}}
        self._literal: dict[tuple[str, str], Operation] = {}
        self._templates: dict[str, list[Operation]] = {method: [] for method in _METHODS}
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        for template, item in document["paths"].items():
            for method in _METHODS:
                if method in item:
                    self._add(method, template, item[method], item.get("parameters", []))

    def _add(self, method: str, template: str, spec: dict[str, Any], shared: list[dict[str, Any]]) -> None:
        text = "".join(
            "[^/]+" if index % 2 else re.escape(part) for index, part in enumerate(re.split(r"\{(\w+)\}", template))
        )
        operation = Operation(template, re.compile(text, re.IGNORECASE), spec)
        for parameter in (self._resolved(each) for each in (*shared, *spec.get("parameters", ()))):
            if parameter["in"] == "query":
                operation.query[parameter["name"].lower()] = parameter["schema"]
                if parameter.get("required"):
                    operation.required.add(parameter["name"].lower())
        if "{" in template:
            self._templates[method].append(operation)
            self._templates[method].sort(key=lambda each: _literals(each.template), reverse=True)
        else:
            self._literal[method, template.lower()] = operation

    def _resolved(self, spec: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in spec:
            return spec
        kind, name = spec["$ref"].split("/")[-2:]
        return dict(self._open[kind][name])

    def operation(self, method: str, path: str) -> Operation:
        """The operation of a path; literal segments first."""
        literal = self._literal.get((method.lower(), path.lower()))
        if literal is not None:
            return literal
        for operation in self._templates.get(method.lower(), ()):
            if operation.pattern.fullmatch(path):
                return operation
        raise SchemaError(f"{method} {path} is not in the published definition")

    def validator(self, schema: dict[str, Any], *, strictly: bool) -> jsonschema_rs.Draft202012Validator:
        key = f"{strictly} {json.dumps(schema, sort_keys=True)}"
        if key not in self._validators:
            components = self._strict if strictly else self._open
            whole = {**(strict(schema) if strictly else schema), "components": components}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        return self._validators[key]

    def check(self, schema: dict[str, Any], value: Any, where: str, *, strictly: bool = False) -> None:
        error = next(iter(self.validator(schema, strictly=strictly).iter_errors(value)), None)
        if error is not None:
            place = "/".join(str(part) for part in error.instance_path)
            raise SchemaError(f"{where}, at {place or 'the root'}: {error.message[:400]}")


def _literals(template: str) -> int:
    return sum(1 for part in template.split("/") if part and not part.startswith("{"))


def strict(schema: Any) -> Any:
    """The schema with unknown properties refused wherever it names properties."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        name: {key: strict(value) for key, value in part.items()} if name == "properties" else strict(part)
        for name, part in schema.items()
    }
    if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
        closed["unevaluatedProperties"] = False
    return closed


def check_exchange(
    method: str,
    path: str,
    query: str,
    request_headers: Mapping[str, str],
    request_body: bytes,
    status: int,
    response_body: bytes,
    *,
    response_type: str = "application/json",
    echoed: frozenset[str] = frozenset(),
) -> None:
    """Check one exchange; ``path`` is below the tenant's root, or a path of the login host.

    ``echoed`` names properties a newer server sends and a client sends back, which the definition does not know.

    Raises:
        SchemaError: the request or the answer does not fit.
    """
    check_request(method, path, query, request_headers, request_body, echoed=echoed)
    check_response(method, path, status, response_body, response_type=response_type)


def check_request(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    echoed: frozenset[str] = frozenset(),
) -> None:
    """Check a request strictly: unknown properties and query options are refused."""
    definition = superoffice_schemas()
    operation, where = definition.operation(method, path), f"{method} {path}"
    lowered = {name.lower(): value for name, value in headers.items()}
    _check_query(definition, operation, query, where)
    _check_body(definition, operation, lowered, _without(body, echoed), where)


def check_response(
    method: str, path: str, status: int, body: bytes, *, response_type: str = "application/json"
) -> None:
    definition = superoffice_schemas()
    operation = definition.operation(method, path)
    _check_answer(definition, operation, status, body, response_type, f"{method} {path}")


def _check_query(definition: Definition, operation: Operation, query: str, where: str) -> None:
    sent = {unquote(name).lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    for name, text in sent.items():
        schema = operation.query.get(name)
        if schema is None:
            raise SchemaError(f"{where}: unknown query option {name!r}")
        definition.check(schema, _typed(text, schema), f"{where}, query option {name}")
    if missing := operation.required - sent.keys():
        raise SchemaError(f"{where}: query option {sorted(missing)} is missing")


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "integer":
            return int(text) if re.fullmatch(r"-?\d+", text) else text
        case "boolean":
            return {"true": True, "false": False}.get(text.lower(), text)
        case _:
            return text


def _check_body(
    definition: Definition, operation: Operation, headers: Mapping[str, str], body: bytes, where: str
) -> None:
    spec = operation.spec.get("requestBody")
    if spec is None:
        if body.strip() not in {b"", b"{}"}:
            raise SchemaError(f"{where}: a body is sent where none is defined")
        return
    if not body.strip():
        if spec.get("required"):
            raise SchemaError(f"{where}: the body is missing")
        return
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    content = spec["content"].get(media_type)
    if content is None:
        raise SchemaError(f"{where}: media type {media_type!r} is not defined")
    definition.check(content["schema"], json.loads(body), f"{where}, request", strictly=True)


def _check_answer(
    definition: Definition, operation: Operation, status: int, body: bytes, media_type: str, where: str
) -> None:
    responses = operation.spec["responses"]
    spec = responses.get(str(status), responses.get("default"))
    if spec is None:
        raise SchemaError(f"{where}: status {status} is not defined")
    content = definition._resolved(spec).get("content", {}).get("application/json")
    if content is None:
        if body.strip() and str(status) in responses:
            raise SchemaError(f"{where}: status {status} has a body where none is defined")
        return
    if not media_type.startswith("application/json"):
        if status < 400:
            raise SchemaError(f"{where}: status {status} is answered as {media_type!r}")
        return
    if body.strip() or status < 400:
        definition.check(content["schema"], json.loads(body or b"null"), f"{where}, answer {status}")


def _without(body: bytes, names: frozenset[str]) -> bytes:
    if not names or not body.strip():
        return body

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cleaned(part) for name, part in value.items() if name not in names}
        return [cleaned(part) for part in value] if isinstance(value, list) else copy.copy(value)

    return json.dumps(cleaned(json.loads(body))).encode()


# -- watching a simulator


@dataclass(slots=True)
class SchemaCheckedApp:
    """An ASGI application that checks every exchange passing through it.

    ``below`` gives the path below a tenant's root for the path of a request. Findings are raised into the
    request and kept in ``findings``: over a socket the client sees a broken answer, so look there afterwards.
    """

    app: Callable[[Any, Any, Any], Awaitable[None]]
    echoed: frozenset[str] = frozenset()
    findings: list[SchemaError] = field(default_factory=list)
    checked: int = 0
    faulty_answers: bool = False
    """Answers are not judged (a fault was asked for); requests still are."""

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        received, sent = bytearray(), _Answered()

        async def tapped_receive() -> Any:
            message = await receive()
            received.extend(message.get("body", b""))
            return message

        async def held_send(message: Any) -> None:
            sent.take(message)

        await self.app(scope, tapped_receive, held_send)
        if sent.start is None:
            return
        self._judge(scope, bytes(received), sent)
        await send(sent.start)
        await send({"type": "http.response.body", "body": bytes(sent.body)})

    def _judge(self, scope: MutableMapping[str, Any], body: bytes, sent: _Answered) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path, query = scope["method"], path_below(scope["path"]), scope["query_string"].decode("latin-1")
        try:
            check_request(method, path, query, headers, body, echoed=self.echoed)
            if not self.faulty_answers:
                check_response(method, path, sent.status, bytes(sent.body), response_type=sent.media_type)
        except SchemaError as error:
            self.findings.append(error)
            raise
        self.checked += 1


@dataclass(slots=True)
class _Answered:
    start: dict[str, Any] | None = None
    body: bytearray = field(default_factory=bytearray)

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body.extend(message.get("body", b""))

    @property
    def status(self) -> int:
        return 0 if self.start is None else int(self.start["status"])

    @property
    def media_type(self) -> str:
        for name, value in self._headers():
            if name.lower() == b"content-type":
                return str(value.decode("latin-1"))
        return ""

    def _headers(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self.start["headers"] if self.start else ()


def path_below(path: str) -> str:
    """A tenant's path without the tenant; paths of the login host as they are."""
    if path.lower().startswith(("/login/", "/api/state/")):
        return path
    return "/" + path.removeprefix("/").partition("/")[2].rstrip("/")
