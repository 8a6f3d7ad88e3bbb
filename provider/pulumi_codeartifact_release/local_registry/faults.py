"""Fault injection: throttling, errors, delays, broken connections, lost responses and stale reads.

    faults = parse({"seed": 7, "rules": [{"lose": True, "operations": ["PublishPackageVersion"], "every": 3}]})
    start(folder, faults=faults)

docs/embedded-registry.md describes the document. The same seed and the same order of requests affect the same requests.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from . import protocol
from .failures import ServiceError
from .operations import OPERATIONS
from .protocol import Response

CUTS = ("before", "request", "response")
"""When a connection is closed: before the request body is read, halfway through it, halfway through the response."""

_GATEWAY_ERRORS = {
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "ServiceUnavailableException": 503,
    "UnrecognizedClientException": 403,
}
"""Errors of AWS that are not in the service's model, with their HTTP status."""

_MESSAGE = "This error was injected by a fault rule."
_MAX_SECONDS = 3600.0


class FaultsError(ValueError):
    """The document is invalid. The message is one line that names the key."""


@dataclass
class FaultEffect:
    """What the rules do to one request; by default nothing.

    Attributes:
        response: sent instead of running the operation.
        stall: seconds between the operation and its response.
        cut: when the connection is closed: one of CUTS, or "".
        lose: True if the operation runs and its response is not sent.
        age: seconds by which a read is stale.
        query: the raw query string of the request, for the resource in an error.
        rules: the kind and number of each rule that applied, for the log.
    """

    response: Response | None = None
    stall: float = 0.0
    cut: str = ""
    lose: bool = False
    age: float = 0.0
    query: bytes = b""
    rules: list[str] = field(default_factory=list)


@dataclass
class _Bucket:
    """A token bucket: `rate` requests per second, and `burst` at once. The caller holds the lock."""

    rate: float
    burst: float
    clock: Callable[[], float]
    tokens: float = 0.0
    updated_at: float | None = None

    def take(self) -> bool:
        now = self.clock()
        new_tokens = self.burst if self.updated_at is None else (now - self.updated_at) * self.rate
        self.updated_at = now
        self.tokens = min(self.burst, self.tokens + new_tokens)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class _Rule:
    """One rule of the document."""

    number: int
    kind: str
    act: Callable[[FaultEffect], bool]
    """Changes the effect. Returns False if there is nothing to do, because a token was left."""
    operations: frozenset[str] | None
    after: int
    first: int | None
    every: int
    probability: float
    chance: random.Random
    seen: int = 0

    def hits(self, operation: str) -> bool:
        """Count a request, and return whether the rule applies to it."""
        if self.operations is not None and operation not in self.operations:
            return False
        self.seen += 1
        random_value = (
            self.chance.random()
        )  # for every request, so that the other conditions do not change the sequence
        number = self.seen - self.after
        return (
            number > 0
            and (self.first is None or number <= self.first)
            and number % self.every == 0
            and random_value < self.probability
        )


class Faults:
    """The fault rules of a server, and the old data for its stale reads. Thread-safe.

    Attributes:
        applied: kind of fault -> number of requests that it has affected.
    """

    def __init__(self, rules: list[_Rule], max_age: float, clock: Callable[[], float]) -> None:
        self.applied: Counter[str] = Counter()
        self._rules = rules
        self._max_age = max_age
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshots: deque[tuple[float, bytes]] = deque()

    def replace_with(self, other: Faults) -> None:
        """Use the rules and counters of `other` from the next request on."""
        with self._lock:
            self.applied, self._rules, self._max_age = other.applied, other._rules, other._max_age
            self._snapshots.clear()

    def decide(self, operation: str, query: bytes = b"") -> FaultEffect:
        """Return what the rules do to a request. After a rule that is not a delay or a stale read, no other applies."""
        effect = FaultEffect(query=query)
        decided = False
        with self._lock:
            for rule in self._rules:
                # Every rule counts every request, so that rules do not influence each other.
                if rule.hits(operation) and not decided and rule.act(effect):
                    decided = rule.kind not in ("stall", "stale")
                    effect.rules.append(f"{rule.kind} (rule {rule.number})")
                    self.applied[rule.kind] += 1
        return effect

    def snapshot(self, rows: sqlite3.Connection) -> None:
        """Keep the data before a write, for stale reads. Call this in the transaction of the write."""
        if not self._max_age:
            return
        now = self._clock()
        before = rows.serialize()
        with self._lock:
            while self._snapshots and self._snapshots[0][0] < now - self._max_age:
                self._snapshots.popleft()
            self._snapshots.append((now, before))

    def rows_at(self, age: float) -> sqlite3.Connection | None:
        """Return the data as it was `age` seconds ago; None if nothing was written since."""
        then = self._clock() - age
        with self._lock:
            before = next((rows for changed, rows in self._snapshots if changed > then), None)
        if before is None:
            return None
        rows = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        rows.row_factory = sqlite3.Row
        rows.deserialize(before)
        return rows


def load(path: Path, clock: Callable[[], float] = time.monotonic) -> Faults:
    """Read a file of fault rules.

    Raises:
        FaultsError: the file cannot be read, or is invalid.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise FaultsError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise FaultsError(f"{path}: not a JSON document: {error}") from error
    try:
        return parse(document, clock)
    except FaultsError as error:
        raise FaultsError(f"{path}: {error}") from None


def parse(document: object, clock: Callable[[], float] = time.monotonic) -> Faults:
    """Return the faults that a document describes, which is JSON as Python values.

    Raises:
        FaultsError: the document is invalid.
    """
    if not isinstance(document, Mapping):
        raise FaultsError('must be an object: {"seed": 1, "rules": [...]}')
    _check_keys(document, "", ("seed", "rules"))
    seed = document.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultsError(f"seed: must be an integer, not {json.dumps(seed)}")
    entries = document.get("rules")
    if not isinstance(entries, list):
        raise FaultsError("rules: must be a list of rules")
    rules = [_rule(entry, number, seed, clock) for number, entry in enumerate(entries, 1)]
    max_age = [float(entry["stale"]) for entry in entries if "stale" in entry]
    return Faults(rules, max(max_age, default=0.0), clock)


# --- one rule -------------------------------------------------------------------------------------------------

_KINDS: dict[str, Callable[[str, Any, Callable[[], float]], Callable[[FaultEffect], bool]]] = {}


def _kind(
    make: Callable[[str, Any, Callable[[], float]], Callable[[FaultEffect], bool]],
) -> Callable[[str, Any, Callable[[], float]], Callable[[FaultEffect], bool]]:
    _KINDS[make.__name__.removeprefix("_")] = make
    return make


def _rule(entry: Any, number: int, seed: int, clock: Callable[[], float]) -> _Rule:
    where = f"rules[{number - 1}]"
    if not isinstance(entry, Mapping):
        raise FaultsError(f"{where}: must be an object")
    _check_keys(entry, where, (*_KINDS, "operations", "after", "first", "every", "probability"))
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) != 1:
        raise FaultsError(f"{where}: must have exactly one of {', '.join(_KINDS)}")
    return _Rule(
        number,
        kinds[0],
        _KINDS[kinds[0]](f"{where}.{kinds[0]}", entry[kinds[0]], clock),
        _operations(entry.get("operations"), f"{where}.operations"),
        _integer(entry.get("after", 0), f"{where}.after", 0),
        _integer(entry["first"], f"{where}.first", 1) if "first" in entry else None,
        _integer(entry.get("every", 1), f"{where}.every", 1),
        _number(entry.get("probability", 1), f"{where}.probability", 1.0),
        random.Random(f"{seed}/{number}"),  # noqa: S311 - it must be reproducible, not secret
    )


def _operations(value: Any, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise FaultsError(f'{where}: must be a list of operations, such as ["PublishPackageVersion"]')
    for name in value:
        if name not in OPERATIONS:
            raise FaultsError(f"{where}: the embedded registry has no operation {json.dumps(name)}")
    return frozenset(value)


@_kind
def _throttle(where: str, value: Any, clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    options = {} if value is True else value
    if not isinstance(options, Mapping):
        raise FaultsError(f"{where}: must be true, or an object with retryAfter, rate, burst")
    _check_keys(options, where, ("retryAfter", "rate", "burst"))
    members: dict[str, Any] = {}
    if "retryAfter" in options:
        members["retryAfterSeconds"] = _integer(options["retryAfter"], f"{where}.retryAfter", 0)
    response = protocol.serialise_error(ServiceError("ThrottlingException", f"Rate exceeded. {_MESSAGE}", **members))
    bucket: _Bucket | None = None
    if "rate" in options:
        rate = _number(options["rate"], f"{where}.rate", math.inf)
        if not rate:
            raise FaultsError(f"{where}.rate: must be greater than 0; omit it to throttle every request")
        burst = _integer(options.get("burst", max(1, math.ceil(rate))), f"{where}.burst", 1)
        bucket = _Bucket(rate, burst, clock)
    elif "burst" in options:
        raise FaultsError(f"{where}.burst: requires a rate")

    def act(effect: FaultEffect) -> bool:
        if bucket and bucket.take():
            return False
        effect.response = response
        return True

    return act


@_kind
def _fail(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    modelled = protocol.error_shapes()
    if isinstance(value, int) and not isinstance(value, bool) and 500 <= value <= 599:
        # A load balancer responds with HTML, not in the service's protocol.
        response = Response(value, {"content-type": "text/html"}, f"<html><h1>{value}</h1></html>".encode())
    elif isinstance(value, str) and value in modelled.keys() | _GATEWAY_ERRORS.keys():
        response = None
    else:
        names = ", ".join(sorted(modelled.keys() | _GATEWAY_ERRORS.keys()))
        raise FaultsError(f"{where}: must be a status from 500 to 599, or one of {names}")
    allowed = modelled[value].members if value in modelled else {}

    def act(effect: FaultEffect) -> bool:
        kind, name = protocol.resource_of(effect.query)
        members = {"resourceType": kind, "resourceId": name, "reason": "OTHER"}
        error = ServiceError(
            str(value),
            _MESSAGE,
            status=_GATEWAY_ERRORS.get(value),
            **{key: members[key] for key in members if key in allowed},
        )
        effect.response = response or protocol.serialise_error(error)
        return True

    return act


@_kind
def _stall(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    seconds = _number(value, where, _MAX_SECONDS)

    def act(effect: FaultEffect) -> bool:
        effect.stall += seconds
        return True

    return act


@_kind
def _cut(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    if value not in CUTS:
        raise FaultsError(f"{where}: must be one of {', '.join(map(json.dumps, CUTS))}")

    def act(effect: FaultEffect) -> bool:
        effect.cut = value
        return True

    return act


@_kind
def _lose(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    if value is not True:
        raise FaultsError(f"{where}: must be true")

    def act(effect: FaultEffect) -> bool:
        effect.lose = True
        return True

    return act


@_kind
def _stale(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[FaultEffect], bool]:
    seconds = _number(value, where, _MAX_SECONDS)

    def act(effect: FaultEffect) -> bool:
        effect.age = max(effect.age, seconds)
        return True

    return act


# --- values ---------------------------------------------------------------------------------------------------


def _check_keys(value: Mapping[Any, Any], where: str, keys: tuple[str, ...]) -> None:
    for key in value:
        if key not in keys:
            prefix = f"{where}: " if where else ""
            raise FaultsError(f"{prefix}unknown key {json.dumps(key)}; expected {', '.join(keys)}")


def _integer(value: Any, where: str, minimum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        _refuse(where, f"must be an integer of at least {minimum}", value)
    return value


def _number(value: Any, where: str, maximum: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= maximum or value == math.inf:
        _refuse(
            where, "must be a number of at least 0" + (f", at most {maximum:g}" if maximum < math.inf else ""), value
        )
    return float(value)


def _refuse(where: str, rule: str, value: Any) -> NoReturn:
    raise FaultsError(f"{where}: {rule}, not {json.dumps(value, default=str)[:60]}")
