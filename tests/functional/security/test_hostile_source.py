"""A hostile source, and a manifest that uses one: only approved bytes are ever Published."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from pulumi_codeartifact_release.publishing import digest
from pulumi_codeartifact_release.registry import Asset
from support.embedded import Package, client_of
from support.fakes import PEAK_MEMORY

GOOD = {"a.txt": b"alpha", "b.txt": b"beta"}
DATE = "Thu, 01 Jan 2026 12:00:00 GMT"
YESTERDAY = 1767182400.0
"""The day before DATE, as in responses."""

Parts = bytes | Iterator[bytes]

Destination = tuple[LocalRegistry, Package, list[str]]

ROUNDS = 8
"""The number of attempts of a promotion without progress."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def listed(name: str, content: bytes, **lies: Any) -> dict[str, Any]:
    return {"name": name, "size": len(content), "hashes": {"SHA-256": sha256(content)}} | lies


@dataclass
class Source:
    """Claims to have one Published version; a test changes its responses.

    Attributes:
        listing: what ListPackageVersionAssets answers.
        described: members of DescribePackageVersion's answer, on top of the usual.
        body: what a download of an asset answers: status, headers, and content.
        copied: what ListPackageVersionAssets answers for the repository `next`, None while nothing is there.
        copied_status: what it is there.
        requests: operation and asset of every request.
    """

    listing: list[Any] = field(default_factory=lambda: [listed(name, content) for name, content in GOOD.items()])
    described: dict[str, Any] = field(default_factory=dict)
    date: str | None = DATE
    body: Callable[[str], tuple[int, dict[str, str], Parts]] = lambda name: (200, {}, GOOD.get(name, b""))
    copied: list[Any] | None = None
    copied_status: str = "Published"
    copies: Callable[[], dict[str, Any]] = lambda: {}
    requests: list[tuple[str, str]] = field(default_factory=list)
    pages: int = 1
    _tokens: int = 0

    def __post_init__(self) -> None:
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def serve(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                source.requests.append((parts.path, query.get("asset", "")))
                status, headers, body = source.answer(parts.path, query)
                self.send_response_only(status)
                if source.date is not None:
                    self.send_header("Date", source.date)
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(body, bytes):
                    if "Content-Length" not in headers:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    self.close_connection = "Content-Length" in headers
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                with contextlib.suppress(OSError):
                    for part in body:
                        self.wfile.write(part)

            do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Parts]:
        missing = json.dumps({"message": "?", "resourceType": "package-version"}).encode()
        missing_is = {"x-amzn-ErrorType": "ResourceNotFoundException", "Content-Type": "application/json"}
        there = query.get("repository") != "next" or self.copied is not None
        match path:
            case "/v1/package/version" if there:
                status = self.copied_status if query.get("repository") == "next" else "Published"
                known = {"status": status, "revision": "r1", "publishedTime": YESTERDAY} | self.described
                return 200, {}, json.dumps({"packageVersion": known}).encode()
            case "/v1/package/version/assets" if there:
                assets = self.copied if query.get("repository") == "next" else self.listing
                more: dict[str, Any] = {}
                if self.pages > 1:
                    self._tokens = self._tokens % self.pages + 1
                    more = {"nextToken": f"t{self._tokens}"} if self._tokens < self.pages else {}
                    assets = [{**each, "name": f"{self._tokens}-{each['name']}"} for each in assets or []]
                answer = {"versionRevision": self.described.get("revision", "r1"), "assets": assets, **more}
                return 200, {}, json.dumps(answer).encode()
            case "/v1/package/version/asset":
                return self.body(query["asset"])
            case "/v1/package/versions/copy":
                return 200, {}, json.dumps(self.copies()).encode()
        return 404, missing_is, missing


MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "VERSION", assets: ["*.txt"]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "SOURCE"}
  prod: &prod {domain: acme, repository: dev, region: us-west-2, endpoint: "DESTINATION", promoteFrom: dev}
  soaked: {<<: *prod, soak: 12h}
  pinned: {<<: *prod, pinned: true, pins: {acme/app: {version: "VERSION", digest: "DIGEST"}}}
  next: {domain: acme, repository: next, endpoint: "SOURCE", promoteFrom: dev}
"""


@dataclass
class Promoter:
    """Promotes from a source, and reports the result."""

    source: Source
    destination: Package
    said: list[str]
    version: str
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    spool: Path

    def run(self, environment: str = "prod", command: str = "apply", *more: str) -> tuple[int, str]:
        """Return the exit code and the whole output."""
        words = ["codeartifact-release", command, "release.yaml", "-e", environment, "--allow", "endpoint", *more]
        self.monkeypatch.setattr(sys, "argv", words)
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        printed = "".join(self.capsys.readouterr())
        assert all(character == "\n" or character.isprintable() for character in printed), ascii(printed)
        assert not any(line.lstrip().startswith(("::", "##")) for line in printed.splitlines())
        assert list(self.spool.iterdir()) == []
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed

    def held(self) -> tuple[str, dict[str, bytes]]:
        """Status and contents of the version at the destination."""
        status = self.destination.statuses().get(self.version, "")
        return status, self.destination.contents(self.version) if status else {}

    @property
    def uploads(self) -> list[str]:
        """The assets that were sent to the destination, accepted or not."""
        queries = [line.split("?")[1].split()[0] for line in self.said if "/version/publish?" in line]
        told = [{name: values[0] for name, values in parse_qs(query).items()} for query in queries]
        return [query["asset"] for query in told if query["version"] == self.version]

    def refused(self, environment: str = "prod", code: int = 1) -> str:
        """Run, and check that it fails, writes nothing to the source, and publishes nothing."""
        done, printed = self.run(environment)
        assert done == code, printed
        assert self.held()[0] in ("", "Unfinished")
        return printed


@pytest.fixture(scope="module")
def running() -> Iterator[Source]:
    made = Source()
    yield made
    made.close()
    connections.close()


@pytest.fixture
def source(running: Source) -> Iterator[Source]:
    """One server and one client for all tests."""
    honest = {each.name: getattr(running, each.name) for each in fields(running)}
    yield running
    for name, value in honest.items():
        setattr(running, name, value)
    running.requests.clear()


@pytest.fixture(scope="module")
def destination(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Destination]:
    """One for all tests; each test uses its own version."""
    said: list[str] = []
    with start(tmp_path_factory.mktemp("destination"), log=said.append) as server:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        yield server, Package(client), said
        client.close()
        connections.close()


_numbers = itertools.count(1)


@pytest.fixture
def promoter(
    source: Source,
    destination: Destination,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Promoter:
    server, package, said = destination
    version = f"{next(_numbers)}.0"
    folder, spool = tmp_path / "checkout", tmp_path / "spool"
    folder.mkdir()
    spool.mkdir()
    approved = digest(Asset(name, len(content), sha256(content)) for name, content in GOOD.items())
    places = {"SOURCE": source.url, "DESTINATION": server.url, "DIGEST": approved, "VERSION": version}
    text = MANIFEST
    for place, value in places.items():
        text = text.replace(place, value)
    (folder / "release.yaml").write_text(text)
    monkeypatch.chdir(folder)
    for name, value in {
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": server.credentials().access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.credentials().secret_access_key,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    # Not the function of that name.
    executor = sys.modules["pulumi_codeartifact_release.publishing.apply"]
    monkeypatch.setattr(executor, "SETTLE_WAITS", (0.001,) * (ROUNDS - 1))
    return Promoter(source, package, said, version, folder, monkeypatch, capsys, spool)


def test_an_honest_source_is_promoted(promoter: Promoter) -> None:
    """The case of which every other test changes one thing."""
    for environment in ("pinned", "soaked", "prod"):
        code, printed = promoter.run(environment)
        assert code == 0, printed
    assert promoter.held() == ("Published", GOOD)


# --- bodies -----------------------------------------------------------------------------------------------------------


def endless(taken: list[int], count: int = 4096) -> Iterator[bytes]:
    for number in range(count):
        taken.append(number)
        yield b"x" * (1 << 20)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, b"ALPHA"),
        pytest.param({}, b"alpha and more", marks=pytest.mark.slow),
        ({}, b"alph"),
        pytest.param({}, b"", marks=pytest.mark.slow),
        ({"Content-Length": "5000"}, b"alpha"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"alpha")),
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(50_000_000))),
    ],
    ids=["different bytes", "longer", "shorter", "empty", "cut", "compressed", "a bomb"],
)
def test_bytes_that_differ_from_the_listing_are_never_sent(
    promoter: Promoter, headers: dict[str, str], content: bytes
) -> None:
    promoter.source.body = lambda name: (200, headers, content) if name == "a.txt" else (200, {}, GOOD[name])
    promoter.refused()
    # It is the first in name order, so nothing was sent.
    assert promoter.held() == ("", {})
    promoter.source.body = lambda name: (200, headers, content) if name == "b.txt" else (200, {}, GOOD[name])
    promoter.refused()
    assert promoter.held() == ("Unfinished", {"a.txt": GOOD["a.txt"]})
    assert promoter.uploads == ["a.txt"]
    promoter.source.body = lambda name: (200, {}, GOOD[name])
    assert promoter.run()[0] == 0
    assert promoter.uploads == ["a.txt", "b.txt"]
    assert promoter.held() == ("Published", GOOD)


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 404, 500, 302])
def test_an_endless_body_is_cut_off(promoter: Promoter, status: int) -> None:
    taken: list[int] = []
    headers = {"x-amzn-ErrorType": "InternalServerException", "Location": "http://127.0.0.1:1/"}
    promoter.source.body = lambda _name: (status, headers, endless(taken))
    promoter.refused()
    # Per attempt, at most the size limit and the buffers of sockets.
    assert len(taken) < 100 * ROUNDS


def test_an_endless_body_of_an_absurdly_large_asset_does_not_fill_the_disk(promoter: Promoter) -> None:
    taken: list[int] = []
    promoter.source.listing = [listed("a.txt", b"alpha", size=2**63)]
    promoter.source.body = lambda _name: (200, {}, endless(taken))
    printed = promoter.refused(code=4)
    assert "over the quota" in printed
    assert taken == []


def test_a_partial_version_is_not_completed_from_absurdly_large_assets(promoter: Promoter) -> None:
    """The service makes copies within a domain, of any size; missing assets are downloaded."""
    taken: list[int] = []
    promoter.source.listing = [listed("a.txt", b"alpha"), listed("b.txt", b"beta", size=2**63)]
    promoter.source.body = lambda _name: (200, {}, endless(taken))
    promoter.source.copied = [listed("a.txt", b"alpha")]
    promoter.source.copied_status = "Unfinished"
    code, printed = promoter.run("next")
    assert code == 4, printed
    assert "over the quota" in printed
    assert taken == []


@pytest.mark.slow
def test_a_slow_body_times_out(promoter: Promoter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_codeartifact_release.registry.response_limits.MAX_RESPONSE_S", 0.3)
    ended = threading.Event()

    def drip() -> Iterator[bytes]:
        while not ended.wait(0.02):
            yield b"x"

    content = bytes(1_000_000)
    promoter.source.listing = [listed("a.txt", content)]
    promoter.source.body = lambda _name: (200, {}, drip())
    began = time.monotonic()
    try:
        promoter.refused()
    finally:
        ended.set()
    assert time.monotonic() - began < 20


# --- listings ---------------------------------------------------------------------------------------------------------

COMPOSED, DECOMPOSED = "\uac00.zip", "\u1100\u1161.zip"


@pytest.mark.parametrize("order", [1, -1])
def test_names_that_look_alike_stay_different(promoter: Promoter, order: int) -> None:
    both = {COMPOSED: b"one", DECOMPOSED: b"two"}
    promoter.source.listing = [listed(name, content) for name, content in both.items()][::order]
    promoter.source.body = lambda name: (200, {}, both[name])
    code, printed = promoter.run()
    status, held = promoter.held()
    assert (code, status, held) == (0, "Published", both) or (code == 4 and status != "Published"), printed


def test_one_name_in_the_other_form_is_the_approved_one(promoter: Promoter) -> None:
    promoter.source.listing = [listed(DECOMPOSED, b"one")]
    promoter.source.body = lambda name: (200, {}, {DECOMPOSED: b"one"}[name])
    code, printed = promoter.run()
    assert code == 0, printed
    assert promoter.held() == ("Published", {COMPOSED: b"one"})


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("environment", ["prod", "pinned"])
def test_a_duplicate_name_in_a_listing_is_refused(promoter: Promoter, environment: str, order: int) -> None:
    honest = [listed(name, content) for name, content in GOOD.items()]
    promoter.source.listing = [*honest, listed("a.txt", b"other")][::order]
    printed = promoter.refused(environment)
    assert "a.txt" in printed
    assert promoter.held() == ("", {})


@pytest.mark.parametrize("name", ["\x1b[2J\x07", "a\n::error::b", "a\r\nb", "\x00", "a\u202eb", "a\u2028b"])
def test_unprintable_names_are_refused_before_they_are_shown_or_stored(promoter: Promoter, name: str) -> None:
    promoter.source.listing = [listed("a.txt", b"alpha"), listed(name, b"beta")]
    for command in ("plan", "apply"):
        code, printed = promoter.run("prod", command)
        assert code == 4, printed
        assert "holds an asset with an invalid name" in printed
    assert promoter.held() == ("", {})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "::error::x", " a", "a/b", "x" * 100_000])
def test_invalid_names_are_never_published(promoter: Promoter, name: str) -> None:
    promoter.source.listing = [listed("a.txt", b"alpha"), listed(name, b"beta")]
    promoter.source.body = lambda asked: (200, {}, b"alpha" if asked == "a.txt" else b"beta")
    for command in ("plan", "apply"):
        code, printed = promoter.run("prod", command)
        assert len(printed) < 5000
        assert command == "plan" or code in (1, 2, 4), printed
    assert promoter.held()[0] in ("", "Unfinished")
    assert not list(promoter.folder.rglob("passwd"))


def test_a_name_with_a_line_break_cannot_imitate_two_assets(promoter: Promoter) -> None:
    """The digest is over lines, so a name with a line break could imitate the lines of several assets."""
    name = f"a.txt\n{sha256(b'beta')}  b.txt"
    promoter.source.listing = [listed(name, b"alpha")]
    promoter.source.body = lambda _name: (200, {}, b"alpha")
    code, printed = promoter.run("pinned", "plan")
    assert code in (1, 4), printed
    promoter.refused("pinned", code)
    assert promoter.held() == ("", {})


@pytest.mark.parametrize("size", [2**63, 10**30, 10**400, 10**4000], ids=["2**63", "10**30", "10**400", "10**4000"])
def test_absurd_sizes_are_refused_in_one_line(promoter: Promoter, size: int) -> None:
    promoter.source.listing = [listed(f"{number}.txt", b"alpha", size=size) for number in range(30)]
    for command in ("plan", "apply"):
        code, printed = promoter.run("prod", command)
        assert code in (1, 4), printed
        assert len(printed) < 10_000
    assert promoter.held() == ("", {})


# --- times and revisions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "published",
    [253402300799, 1e18, 10**400, -(10**15), "soon", [], {}, None, float("nan")],
    ids=lambda value: repr(value)[:20],
)
def test_an_invalid_published_time_keeps_the_gate_closed(promoter: Promoter, published: Any) -> None:
    promoter.source.described = {"publishedTime": published}
    code, printed = promoter.run("soaked")
    assert code in (1, 4), printed
    assert promoter.held() == ("", {})


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        " ",
        "garbage",
        "Thu, 01 Jan 99999999999999999999 12:00:00 GMT",
        "Thu, 01 Jan 2026 12:00:00 +99999999999999999999",
        "Thu, 01 Jan 2026 99:99:99 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ],
)
def test_a_missing_server_time_keeps_the_gate_closed(promoter: Promoter, date: str | None) -> None:
    promoter.source.date = date
    printed = promoter.refused("soaked", 4)
    assert "refused[gate]" in printed
    assert promoter.held() == ("", {})


def test_a_version_that_was_published_in_the_future_waits(promoter: Promoter) -> None:
    promoter.source.described = {"publishedTime": YESTERDAY + 10 * 365 * 86400}
    assert "has been Published for 0s" in promoter.refused("soaked", 4)


@pytest.mark.parametrize(
    "revision", ["", "a\nb", "\x1b[2J", "x" * 100_000, None, 7, {}, "\u202e"], ids=lambda value: ascii(value)[:20]
)
def test_unprintable_revisions_are_refused(promoter: Promoter, revision: Any) -> None:
    promoter.source.described = {"revision": revision}
    promoter.refused()
    assert promoter.held() == ("", {})


@pytest.mark.parametrize(
    "revision", ["::error::x", "../../x", "'; DROP TABLE versions; --", "$(id)", "\u00e9\u4e16", "=+/"]
)
def test_odd_revisions_are_only_text(promoter: Promoter, revision: str) -> None:
    promoter.source.described = {"revision": revision}
    code, printed = promoter.run()
    assert code == 0, printed
    assert promoter.held() == ("Published", GOOD)


# --- copies -----------------------------------------------------------------------------------------------------------

SUCCESS = {"successfulVersions": {"VERSION": {"revision": "r1", "status": "Published"}}, "failedVersions": {}}
OTHER = [listed("a.txt", b"other"), listed("b.txt", b"beta")]
PART = [listed("a.txt", b"alpha")]


@pytest.mark.parametrize(
    "answer",
    [
        SUCCESS,
        {"successfulVersions": {}, "failedVersions": {}},
        {},
        {"successfulVersions": {"VERSION": {}}},
        {"successfulVersions": {"VERSION": {"revision": "r1", "status": "Archived"}}},
        {"successfulVersions": {"2.0": {"revision": "r1", "status": "Published"}}},
        {"failedVersions": {"VERSION": {"errorCode": "\x1b[2J", "errorMessage": "\n::error::x"}}},
        {"successfulVersions": []},
    ],
)
@pytest.mark.parametrize(
    "there",
    [None, pytest.param(OTHER, marks=pytest.mark.slow), pytest.param(PART, marks=pytest.mark.slow)],
    ids=["nothing", "different bytes", "a part"],
)
def test_an_acknowledged_copy_is_verified(promoter: Promoter, answer: dict[str, Any], there: list[Any] | None) -> None:
    def copies() -> dict[str, Any]:
        promoter.source.copied = there
        told: dict[str, Any] = json.loads(json.dumps(answer).replace("VERSION", promoter.version))
        return told

    promoter.source.copies = copies
    code, printed = promoter.run("next")
    assert code in (1, 4), printed
    assert "released" not in printed
    # Only copies, again and again.
    writes = [path for path, _ in promoter.source.requests if path.endswith(("/publish", "/update_status", "/delete"))]
    assert writes == []
    assert len(promoter.source.requests) < 300


# --- bounds -----------------------------------------------------------------------------------------------------------

MEASURED = """
import sys
sys.argv = ["codeartifact-release", *sys.argv[1:]]
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
try:
    main()
finally:
    print("PEAK", peak_memory_kib())
"""


def measured(promoter: Promoter, *words: str) -> tuple[int, str, int]:
    """Run in a new process; return its exit code, its output, and its peak memory in MiB."""
    program = promoter.folder.parent / "measured.py"
    program.write_text(PEAK_MEMORY + MEASURED)
    done = subprocess.run(
        [sys.executable, str(program), *words, "release.yaml", "--allow", "endpoint"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    printed = done.stdout + done.stderr
    return done.returncode, printed, int(printed.split("PEAK ")[1].split()[0]) // 1024


@pytest.mark.slow
def test_a_long_listing_takes_little_memory(promoter: Promoter) -> None:
    """40,000 assets; as many as pages can hold, 100,000, take twice as much."""
    promoter.source.listing = [listed(f"{number}.txt", b"alpha") for number in range(1000)]
    promoter.source.pages = 40
    code, printed, peak = measured(promoter, "plan", "-e", "prod")
    assert code == 0, printed
    assert "40,000 assets" in printed
    assert peak < 200, peak


def test_a_page_with_more_items_than_requested_is_refused(promoter: Promoter) -> None:
    promoter.source.listing = [listed(f"{number}.txt", b"alpha") for number in range(1001)]
    assert "a page has more than the 1000 requested assets" in promoter.refused()


@pytest.mark.slow
def test_names_without_end_fill_no_memory(promoter: Promoter) -> None:
    promoter.source.listing = [listed("x" * 20_000_000, b"alpha")]
    promoter.source.pages = 30
    code, printed, peak = measured(promoter, "plan", "-e", "prod")
    assert code in (1, 4), printed[:1000]
    assert len(printed) < 5000
    assert peak < 600, peak


# --- manifests --------------------------------------------------------------------------------------------------------


def rewrite(promoter: Promoter, *changes: tuple[str, str]) -> None:
    path = promoter.folder / "release.yaml"
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


def planted(folder: Path, version: str) -> None:
    """A registry that came with a pull request."""
    with start(folder) as server:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        client.publish_package_version(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="app",
            packageVersion=version,
            assetName="evil.txt",
            assetContent=b"evil",
            assetSHA256=sha256(b"evil"),
        )
        client.close()


@pytest.mark.parametrize("spelled", ["file:.registry", "file:./x/../.registry", "file:link", "file:/FOLDER/.registry"])
@pytest.mark.parametrize("real", ["manifest", "shell"])
def test_a_folder_of_the_checkout_is_not_promoted_to_a_real_registry(
    promoter: Promoter,
    destination: Destination,
    monkeypatch: pytest.MonkeyPatch,
    real: str,
    spelled: str,
) -> None:
    planted(promoter.folder / ".registry", promoter.version)
    (promoter.folder / "link").symlink_to(".registry")
    (promoter.folder / "x").mkdir()
    url = destination[0].url
    rewrite(promoter, (f'"{promoter.source.url}"', f'"{spelled.replace("/FOLDER", str(promoter.folder))}"'))
    if real == "shell":
        rewrite(promoter, (f'endpoint: "{url}", ', ""))
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", url)
    for command in ("plan", "apply"):
        code, printed = promoter.run("pinned", command)
        assert code == 2, printed
        assert "--allow local-source" in printed
    assert promoter.held() == ("", {})


def test_only_the_operator_permits_a_folder_as_a_source(promoter: Promoter, destination: Destination) -> None:
    planted(promoter.folder / ".registry", promoter.version)
    rewrite(promoter, (f'"{promoter.source.url}"', '"file:.registry"'))
    assert promoter.run("pinned", "apply", "--allow", "local-source")[0] == 4
    assert promoter.held() == ("", {})
    assert promoter.run("prod", "apply", "--allow", "local-source")[0] == 0
    assert promoter.held() == ("Published", {"evil.txt": b"evil"})


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("endpoint", [None, "https://collector.example.test", "http://127.0.0.1:1", "file:../planted"])
def test_source_and_destination_need_permission_for_other_endpoints(
    promoter: Promoter,
    destination: Destination,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None,
    side: str,
) -> None:
    """None: a server on this machine, which any program here could start."""
    urls = {"source": promoter.source.url, "destination": destination[0].url}
    other = urls["destination" if side == "source" else "source"]
    # The operator chose the other side.
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", other)
    rewrite(promoter, (f', endpoint: "{other}"', ""), (urls[side], endpoint or urls[side]))
    planted(promoter.folder.parent / "planted", promoter.version)
    for command in ("plan", "apply"):
        monkeypatch.setattr(sys, "argv", ["codeartifact-release", command, "release.yaml", "-e", "prod"])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        assert "--allow endpoint" in "".join(promoter.capsys.readouterr())
    assert promoter.source.requests == []
    assert promoter.held() == ("", {})
