"""Faults on demand: a registry that throttles, fails, stalls, cuts connections, loses answers and reads stale.

    faults = parse({"seed": 7, "rules": [{"lose": True, "operations": ["PublishPackageVersion"], "every": 3}]})
    start(folder, faults=faults)

The form of the document is described, key by key, in docs/embedded-registry.md. With the same seed and the same
order of requests the same requests are hit.
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
from .protocol import Answer

CUTS = ("before", "request", "response")
"""Where a connection may be cut: before the body is read, in its middle, in the middle of the answer."""

_FRONT_DOOR = {
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "ServiceUnavailableException": 503,
    "UnrecognizedClientException": 403,
}
"""Errors that AWS answers with and that the service's model does not hold."""

_SAID = "This fault was asked for."
_LONGEST_SECONDS = 3600.0


class FaultsError(ValueError):
    """The document is not one of faults: one line that says where and why."""


@dataclass
class Verdict:
    """What is done to one request; as built, nothing.

    Attributes:
        answer: sent instead of doing the work.
        stall: seconds between the work and its answer.
        cut: where the connection is cut: one of CUTS, or empty.
        lose: whether the work is done and the answer never sent.
        age: seconds by which a read is behind.
        query: of the request, raw: what an answer is about.
        rules: what was done and by which rule, for the log.
    """

    answer: Answer | None = None
    stall: float = 0.0
    cut: str = ""
    lose: bool = False
    age: float = 0.0
    query: bytes = b""
    rules: list[str] = field(default_factory=list)


@dataclass
class _Bucket:
    """Lets `rate` requests a second through, and `burst` at once. The caller holds the lock."""

    rate: float
    burst: float
    clock: Callable[[], float]
    tokens: float = 0.0
    counted_at: float | None = None

    def take(self) -> bool:
        now = self.clock()
        gained = self.burst if self.counted_at is None else (now - self.counted_at) * self.rate
        self.counted_at = now
        self.tokens = min(self.burst, self.tokens + gained)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class _Rule:
    """One entry of the document: which requests, and what is done to them."""

    number: int
    kind: str
    act: Callable[[Verdict], bool]
    """Changes the verdict; False where there was nothing to do: a bucket that is not empty."""
    operations: frozenset[str] | None
    after: int
    first: int | None
    every: int
    probability: float
    chance: random.Random
    seen: int = 0

    def hits(self, operation: str) -> bool:
        """Count a request and say whether it is one of the rule's."""
        if self.operations is not None and operation not in self.operations:
            return False
        self.seen += 1
        drawn = self.chance.random()  # always, so that the other conditions do not move what is drawn later
        number = self.seen - self.after
        return (
            number > 0
            and (self.first is None or number <= self.first)
            and number % self.every == 0
            and drawn < self.probability
        )


class Faults:
    """The rules of a server, and the past that its stale reads show. Thread-safe.

    Attributes:
        applied: how many requests each kind of fault has hit so far.
    """

    def __init__(self, rules: list[_Rule], keeps: float, clock: Callable[[], float]) -> None:
        self.applied: Counter[str] = Counter()
        self._rules = rules
        self._keeps = keeps
        self._clock = clock
        self._lock = threading.Lock()
        self._past: deque[tuple[float, bytes]] = deque()

    def become(self, other: Faults) -> None:
        """Do from the next request on what `other` would; what was counted and remembered so far is forgotten."""
        with self._lock:
            self.applied, self._rules, self._keeps = other.applied, other._rules, other._keeps
            self._past.clear()

    def judge(self, operation: str, query: bytes = b"") -> Verdict:
        """Decide what is done to a request. A delay and a stale read add to what later rules do; others are final."""
        verdict = Verdict(query=query)
        decided = False
        with self._lock:
            for rule in self._rules:
                # Every rule counts every request, so that rules do not move each other's hits.
                if rule.hits(operation) and not decided and rule.act(verdict):
                    decided = rule.kind not in ("stall", "stale")
                    verdict.rules.append(f"{rule.kind} (rule {rule.number})")
                    self.applied[rule.kind] += 1
        return verdict

    def remember(self, rows: sqlite3.Connection) -> None:
        """Keep what a write is about to change, for the reads that come too early. Within the write's transaction."""
        if not self._keeps:
            return
        now = self._clock()
        before = rows.serialize()
        with self._lock:
            while self._past and self._past[0][0] < now - self._keeps:
                self._past.popleft()
            self._past.append((now, before))

    def past(self, age: float) -> sqlite3.Connection | None:
        """Open the rows as they were `age` seconds ago; None where nothing was written since."""
        then = self._clock() - age
        with self._lock:
            before = next((rows for changed, rows in self._past if changed > then), None)
        if before is None:
            return None
        rows = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        rows.row_factory = sqlite3.Row
        rows.deserialize(before)
        return rows


def load(path: Path, clock: Callable[[], float] = time.monotonic) -> Faults:
    """Read a file of faults.

    Raises:
        FaultsError: it cannot be read, or is not what it should be.
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
    """Turn the document, as JSON values, into faults.

    Raises:
        FaultsError: it is not what it should be.
    """
    if not isinstance(document, Mapping):
        raise FaultsError('must be an object: {"seed": 1, "rules": [...]}')
    _known(document, "", ("seed", "rules"))
    seed = document.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultsError(f"seed: must be an integer, not {json.dumps(seed)}")
    entries = document.get("rules")
    if not isinstance(entries, list):
        raise FaultsError("rules: must be a list of rules")
    rules = [_rule(entry, number, seed, clock) for number, entry in enumerate(entries, 1)]
    keeps = [float(entry["stale"]) for entry in entries if "stale" in entry]
    return Faults(rules, max(keeps, default=0.0), clock)


# --- one rule -------------------------------------------------------------------------------------------------

_KINDS: dict[str, Callable[[str, Any, Callable[[], float]], Callable[[Verdict], bool]]] = {}


def _kind(
    make: Callable[[str, Any, Callable[[], float]], Callable[[Verdict], bool]],
) -> Callable[[str, Any, Callable[[], float]], Callable[[Verdict], bool]]:
    _KINDS[make.__name__.removeprefix("_")] = make
    return make


def _rule(entry: Any, number: int, seed: int, clock: Callable[[], float]) -> _Rule:
    where = f"rules[{number - 1}]"
    if not isinstance(entry, Mapping):
        raise FaultsError(f"{where}: must be an object")
    _known(entry, where, (*_KINDS, "operations", "after", "first", "every", "probability"))
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
        random.Random(f"{seed}/{number}"),  # noqa: S311 - to be repeated, not to be secret
    )


def _operations(value: Any, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise FaultsError(f'{where}: must be a list of operations, such as ["PublishPackageVersion"]')
    for name in value:
        if name not in OPERATIONS:
            raise FaultsError(f"{where}: there is no operation {json.dumps(name)} here")
    return frozenset(value)


@_kind
def _throttle(where: str, value: Any, clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    options = {} if value is True else value
    if not isinstance(options, Mapping):
        raise FaultsError(f"{where}: must be true, or an object with retryAfter, rate, burst")
    _known(options, where, ("retryAfter", "rate", "burst"))
    members: dict[str, Any] = {}
    if "retryAfter" in options:
        members["retryAfterSeconds"] = _integer(options["retryAfter"], f"{where}.retryAfter", 0)
    answer = protocol.serialise_error(ServiceError("ThrottlingException", f"Rate exceeded. {_SAID}", **members))
    bucket: _Bucket | None = None
    if "rate" in options:
        rate = _number(options["rate"], f"{where}.rate", math.inf)
        if not rate:
            raise FaultsError(f"{where}.rate: must be more than 0; leave it out to refuse every request")
        burst = _integer(options.get("burst", max(1, math.ceil(rate))), f"{where}.burst", 1)
        bucket = _Bucket(rate, burst, clock)
    elif "burst" in options:
        raise FaultsError(f"{where}.burst: needs a rate")

    def act(verdict: Verdict) -> bool:
        if bucket and bucket.take():
            return False
        verdict.answer = answer
        return True

    return act


@_kind
def _fail(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    modelled = protocol.error_shapes()
    if isinstance(value, int) and not isinstance(value, bool) and 500 <= value <= 599:
        # What a load balancer says, which is not the service's protocol.
        answer = Answer(value, {"content-type": "text/html"}, f"<html><h1>{value}</h1></html>".encode())
    elif isinstance(value, str) and value in modelled.keys() | _FRONT_DOOR.keys():
        answer = None
    else:
        names = ", ".join(sorted(modelled.keys() | _FRONT_DOOR.keys()))
        raise FaultsError(f"{where}: must be a status from 500 to 599, or one of {names}")
    known = modelled[value].members if value in modelled else {}

    def act(verdict: Verdict) -> bool:
        kind, name = protocol.resource_of(verdict.query)
        members = {"resourceType": kind, "resourceId": name, "reason": "OTHER"}
        error = ServiceError(
            str(value), _SAID, status=_FRONT_DOOR.get(value), **{key: members[key] for key in members if key in known}
        )
        verdict.answer = answer or protocol.serialise_error(error)
        return True

    return act


@_kind
def _stall(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    seconds = _number(value, where, _LONGEST_SECONDS)

    def act(verdict: Verdict) -> bool:
        verdict.stall += seconds
        return True

    return act


@_kind
def _cut(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    if value not in CUTS:
        raise FaultsError(f"{where}: must be one of {', '.join(map(json.dumps, CUTS))}")

    def act(verdict: Verdict) -> bool:
        verdict.cut = value
        return True

    return act


@_kind
def _lose(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    if value is not True:
        raise FaultsError(f"{where}: must be true")

    def act(verdict: Verdict) -> bool:
        verdict.lose = True
        return True

    return act


@_kind
def _stale(where: str, value: Any, _clock: Callable[[], float]) -> Callable[[Verdict], bool]:
    seconds = _number(value, where, _LONGEST_SECONDS)

    def act(verdict: Verdict) -> bool:
        verdict.age = max(verdict.age, seconds)
        return True

    return act


# --- values ---------------------------------------------------------------------------------------------------


def _known(value: Mapping[Any, Any], where: str, keys: tuple[str, ...]) -> None:
    for key in value:
        if key not in keys:
            prefix = f"{where}: " if where else ""
            raise FaultsError(f"{prefix}unknown key {json.dumps(key)}; known are {', '.join(keys)}")


def _integer(value: Any, where: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        _refuse(where, f"must be an integer of at least {least}", value)
    return value


def _number(value: Any, where: str, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most or value == math.inf:
        _refuse(where, "must be a number of at least 0" + (f", at most {most:g}" if most < math.inf else ""), value)
    return float(value)


def _refuse(where: str, wish: str, value: Any) -> NoReturn:
    raise FaultsError(f"{where}: {wish}, not {json.dumps(value, default=str)[:60]}")
