"""The rest-json protocol, derived from botocore's service model: routes, parsing, validation, serialisation.

This module has no code for a single operation: it handles every operation in the model.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

from .failures import ServiceError, invalid


class Stream(Protocol):
    """A body of known size, read in blocks."""

    size: int

    def read(self, size: int) -> bytes:
        """Return up to `size` further bytes; empty at the end."""

    def close(self) -> None:
        """Release the file. May be called twice."""


@dataclass(frozen=True)
class Response:
    """An HTTP response.

    Attributes:
        status: the HTTP status.
        headers: names in lower case; the HTTP layer adds Content-Length.
        body: the body, unless there is a `stream`.
        stream: the body of a download; None otherwise.
        error: the name of the error's shape; "" for a success.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Stream | None = None
    error: str = ""


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's own model of CodeArtifact, not one from ~/.aws/models."""
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("codeartifact", "service-2"), "codeartifact")


@functools.cache
def _routes() -> dict[tuple[str, str], OperationModel]:
    model = service_model()
    operations = (model.operation_model(name) for name in model.operation_names)
    return {(operation.http["method"], operation.http["requestUri"]): operation for operation in operations}


def route(method: str, path: str) -> OperationModel:
    """Return the operation of a method and path.

    Raises:
        ServiceError: UnknownOperationException (404).
    """
    try:
        return _routes()[method, path]
    except KeyError:
        raise ServiceError(
            "UnknownOperationException", "CodeArtifact has no operation at this method and path.", status=404
        ) from None


# --- requests ------------------------------------------------------------------------------------------------


def parse_request(operation: OperationModel, query: bytes, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the request's parameters by their API names, validated by the model. They exclude a streaming body.

    Args:
        operation: the operation.
        query: the raw query string.
        headers: names in lower case.
        body: the JSON document; ignored if the operation has a streaming body.

    Raises:
        ServiceError: ValidationException (400), naming the parameter.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    texts = _query(query)
    payload = shape.serialization.get("payload")
    document = {} if payload else _document(body)
    params: dict[str, Any] = {}
    for name, member in shape.members.items():
        if name == payload:
            continue
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        if location == "querystring":
            text = texts.get(wire_name)
            value = None if text is None else _from_text(member, text, name)
        elif location == "header":
            value = headers.get(wire_name.lower())
        else:
            value = document.get(wire_name)
        if value is not None:
            _check(member, value, name)
            params[name] = value
    for name in shape.required_members:
        if name not in params and name != payload:
            raise invalid(f"Value at '{name}' is required.")
    return params


def _query(raw: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    for part in filter(None, raw.split(b"&")):
        key, _, value = part.partition(b"=")
        try:
            name = unquote(key.decode("ascii"), errors="strict")
            # Do not decode a plus as a space: versions contain it, and the signature covers the text as it was sent.
            text = unquote(value.decode("ascii"), errors="strict")
        except UnicodeDecodeError:
            raise invalid("The query string is not percent-encoded UTF-8.", "CANNOT_PARSE") from None
        if name in texts:
            raise invalid(f"Value at '{name}' appears twice.")
        texts[name] = text
    return texts


def resource_of(query: bytes) -> tuple[str, str]:
    """Return the ResourceType and resource ID of a request, as errors contain them, from its query string."""
    try:
        texts = _query(query)
    except ServiceError:
        texts = {}
    package = "/".join(filter(None, (texts.get("namespace"), texts.get("package"))))
    if "asset" in texts:
        return "asset", texts["asset"]
    if "version" in texts:
        return "package-version", f"{package}@{texts['version']}"
    if "package" in texts:
        return "package", package
    if repository := texts.get("repository") or texts.get("destination-repository"):
        return "repository", repository
    return "domain", texts.get("domain", "")


def _document(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("The body is not a JSON document.", "CANNOT_PARSE") from None
    if not isinstance(document, dict):
        raise invalid("The body is not a JSON object.", "CANNOT_PARSE")
    return document


def _from_text(shape: Shape, text: str, where: str) -> Any:
    if shape.type_name == "boolean":
        if text not in ("true", "false"):
            raise invalid(f"Value at '{where}' must be true or false.")
        return text == "true"
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise invalid(f"Value at '{where}' must be an integer.")
        return int(text)
    return text


def _check(shape: Shape, value: Any, where: str) -> None:
    """Check a value against its shape. Raises ValidationException, which names `where`."""
    expected, check = _CHECKS[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise invalid(f"Value at '{where}' must be of type {shape.type_name}.")
    check(shape, value, where)


def _check_size(shape: Shape, size: int, where: str) -> None:
    if size < shape.metadata.get("min", size):
        raise invalid(f"Value at '{where}' is too short or too small: at least {shape.metadata['min']}.")
    if size > shape.metadata.get("max", size):
        raise invalid(f"Value at '{where}' is too long or too large: at most {shape.metadata['max']}.")


def _check_string(shape: Shape, value: str, where: str) -> None:
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        raise invalid(f"Value at '{where}' must be one of {', '.join(shape.enum)}.")
    _check_size(shape, len(value), where)
    pattern = shape.metadata.get("pattern")
    if pattern and not _matcher(pattern)(value):
        raise invalid(f"Value at '{where}' must match the pattern {pattern}")


@functools.cache
def _matcher(pattern: str) -> Callable[[str], object]:
    if pattern in (r"\P{C}+", r"\P{C}*"):
        # Python's `re` has no Unicode categories. C: controls, formats, surrogates, private and unassigned.
        return lambda text: not any(unicodedata.category(character).startswith("C") for character in text)
    return re.compile(pattern).fullmatch


def _check_list(shape: Shape, value: list[Any], where: str) -> None:
    assert isinstance(shape, ListShape)
    _check_size(shape, len(value), where)
    for index, item in enumerate(value):
        _check(shape.member, item, f"{where}[{index}]")


def _check_map(shape: Shape, value: dict[str, Any], where: str) -> None:
    assert isinstance(shape, MapShape)
    _check_size(shape, len(value), where)
    for key, item in value.items():
        _check(shape.key, key, f"{where} (key)")
        _check(shape.value, item, f"{where}.{key}")


def _check_structure(shape: Shape, value: dict[str, Any], where: str) -> None:
    assert isinstance(shape, StructureShape)
    for name in shape.required_members:
        if value.get(name) is None:
            raise invalid(f"Value at '{where}.{name}' is required.")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _check(member, value[name], f"{where}.{name}")


def _check_number(shape: Shape, value: int, where: str) -> None:
    _check_size(shape, value, where)


_CHECKS: dict[str, tuple[type, Callable[[Shape, Any, str], None]]] = {
    "string": (str, _check_string),
    "boolean": (bool, lambda _shape, _value, _where: None),
    "integer": (int, _check_number),
    "long": (int, _check_number),
    "list": (list, _check_list),
    "map": (dict, _check_map),
    "structure": (dict, _check_structure),
}


# --- responses -----------------------------------------------------------------------------------------------


def serialise(operation: OperationModel, result: Mapping[str, Any]) -> Response:
    """Return the HTTP response for an operation's result, which has API names. Omits members that are None.

    Also omits a header that is not printable ASCII, such as the name of a downloaded asset.

    Raises:
        KeyError: the result has a member that is not in the model.
    """
    shape = operation.output_shape
    if shape is None:
        return Response(200)
    headers: dict[str, str] = {}
    document: dict[str, Any] = {}
    stream: Stream | None = None
    for name, value in result.items():
        member = shape.members[name]
        wire_name = member.serialization.get("name", name)
        if value is None:
            continue
        if name == shape.serialization.get("payload"):
            stream = value
        elif member.serialization.get("location") == "header":
            headers |= _header(wire_name, value)
        else:
            document[wire_name] = _plain(member, value)
    if stream is not None:
        return Response(200, {**headers, "content-type": "application/octet-stream"}, stream=stream)
    return Response(200, {**headers, "content-type": "application/json"}, _json(document))


def serialise_error(error: ServiceError) -> Response:
    """Return the HTTP response for an error. Its status is the error's own, or else the model's."""
    headers = {"content-type": "application/json", "x-amzn-errortype": error.shape}
    document: dict[str, Any] = {}
    shape = error_shapes().get(error.shape)
    for name, value in error.members.items():
        member = shape.members[name] if shape else None
        if member is not None and member.serialization.get("location") == "header":
            headers |= _header(member.serialization["name"], value)
        else:
            document[name] = value
    status = error.status or (shape.metadata["error"]["httpStatusCode"] if shape else 500)
    return Response(status, headers, _json(document), error=error.shape)


@functools.cache
def error_shapes() -> dict[str, StructureShape]:
    """Return the errors of the model, by name."""
    return {shape.name: shape for shape in service_model().error_shapes if isinstance(shape, StructureShape)}


def _plain(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            shape.members[name].serialization.get("name", name): _plain(shape.members[name], item)
            for name, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape):
        return [_plain(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _plain(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return round(value, 3)
    return value


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _header(name: str, value: object) -> dict[str, str]:
    text = str(value)
    # SDKs decode other bytes differently (boto3 and JavaScript: Latin-1; Go: UTF-8), so some programs would save a file
    # under a wrong name. All of them handle a missing header.
    return {name.lower(): text} if text.isascii() and text.isprintable() else {}
