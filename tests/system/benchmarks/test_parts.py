"""What the benchmarks are made of: whole processes, files that are opened, medians, the page."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.measure import BenchmarkError, NotRunError, Run, measure
from benchmarks.report import BEGIN, END, draw, table, write_page
from benchmarks.results import Ratio, Result, Results, Row
from benchmarks.stand import Stand, baseline, interleaved, sending
from benchmarks.watch import Opens

ROOT = Path(__file__).parents[3]


def a_run(wall_s: float) -> Run:
    return Run(wall_s, 0.0, 0, 0, 0.0, wall_s, "")


def test_a_ratio_is_of_what_ran_side_by_side() -> None:
    ratio = Ratio.pairwise([1.0, 4.0, 9.0], [2.0, 4.0, 3.0])
    assert ratio == Ratio(median=1.0, low=0.5, high=3.0)
    assert Ratio.pairwise([1.0, 4.0, 9.0], [2.0]) == Ratio(0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="no values"):
        Ratio.of([])


def test_contenders_take_turns_and_the_order_turns_round() -> None:
    order: list[str] = []

    def contender(name: str) -> Run:
        order.append(name)
        return a_run(1.0)

    result = Result("case")
    contenders = {name: lambda name=name: contender(name) for name in "abc"}
    interleaved(contenders, 3, result, fewer={"c": 1})
    assert "".join(order) == "abc" + "ba" + "ab"
    assert [(run["contender"], run["round"]) for run in result.runs[3:5]] == [("b", 1), ("a", 1)]


def test_a_figure_is_met_by_its_median() -> None:
    result = Result("case")
    for number, (one, other) in enumerate([(1.0, 1.0), (1.0, 1.0), (9.0, 1.0)]):
        result.add("ours", number, a_run(one))
        result.add("theirs", number, a_run(other))
    ratio = result.ratio("ours", "theirs")
    result.at_most("files", "ours / theirs", ratio, 1.0)
    result.at_most("files", "ours / theirs", ratio, 0.99)
    assert [row.met for row in result.rows] == [True, False]
    assert result.rows[0].value == "1.000 (1.000 to 9.000)"


def test_a_process_is_measured_whole_with_its_children() -> None:
    with Stand() as stand:
        child = "x = bytearray(80 << 20); import time; time.sleep(0.2)"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        run = measure([sys.executable, "-c", code], stand.environment(), watch_memory=True)
    assert run.wall_s > 0.2
    # For a moment a fork counts twice, and before its exec the child has the memory of this process.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    assert 80 << 20 < run.peak_bytes < (400 << 20) + own
    assert run.cpu_s > 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_bytes_that_children_read_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(8 << 20))
    with Stand() as stand:
        code = f"import subprocess; subprocess.run(['cat', {str(file)!r}], stdout=subprocess.DEVNULL)"
        run = measure([sys.executable, "-c", code], stand.environment())
    assert 8 << 20 <= run.read_bytes < 12 << 20


def test_a_contender_that_fails_is_no_figure() -> None:
    with Stand() as stand, pytest.raises(BenchmarkError, match="exited with 3: a reason"):
        measure([sys.executable, "-c", "print('a reason'); raise SystemExit(3)"], stand.environment())


def test_the_environment_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "CODEARTIFACT_RELEASE_RATE", "HTTPS_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "mine")
    with Stand() as stand:
        first, second = stand.environment("http://127.0.0.1:1"), stand.environment()
    assert "mine" not in first.values()
    assert first["AWS_ENDPOINT_URL_CODEARTIFACT"] == "http://127.0.0.1:1"
    assert first["CODEARTIFACT_RELEASE_CACHE"] != second["CODEARTIFACT_RELEASE_CACHE"]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_every_opened_file_is_seen_whoever_opens_it() -> None:
    with Stand() as stand:
        folder = stand.files("files", 3, 10)
        with Opens([folder]) as opens:
            list(folder.iterdir())
            [path.stat() for path in folder.iterdir()]
            before = time.monotonic()
            subprocess.run(["cat", folder / "file-00001.bin"], stdout=subprocess.DEVNULL, check=True)
            ended = time.monotonic()
        assert list(opens.first) == [folder / "file-00001.bin"]
        assert opens.count == 1
        assert before - 0.5 < opens.first[folder / "file-00001.bin"] <= ended


def test_files_are_of_their_size_and_no_two_alike() -> None:
    with Stand() as stand:
        for size in (0, 40, 3 << 20):
            contents = [path.read_bytes() for path in stand.files(f"of-{size}", 3, size).iterdir()]
            assert [len(content) for content in contents] == [size] * 3
            assert len(set(contents)) == (3 if size else 1)


def test_what_is_missing_is_said_and_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.measure.BIN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotRunError, match="no `openssl`"):
        baseline("curl", "http://127.0.0.1:1", tmp_path, "1")


@pytest.mark.parametrize(("how", "package"), [("boto3", "boto3"), ("curl", "curl")])
def test_a_baseline_publishes_every_file(how: str, package: str) -> None:
    with Stand() as stand:
        folder, server = stand.files("files", 3, 1000), stand.server()
        command = baseline(how, server.url, folder, "1.0")
        run = sending(server, lambda: measure(command, stand.environment(server.url)), 3, 1000)
        run()
        words = f"domain=bench&repository=dev&format=generic&namespace=bench&package={package}&version=1.0"
        described = server._ask("GET", f"/v1/package/version?{words}")
        assert described["packageVersion"]["status"] == "Published"
        listed = server._ask("POST", f"/v1/package/version/assets?{words}")
        assert {asset["name"]: asset["hashes"]["SHA-256"] for asset in listed["assets"]} == {
            path.name: hashed(path) for path in folder.iterdir()
        }
        with pytest.raises(BenchmarkError, match="uploads"):
            sending(server, lambda: a_run(1.0), 3, 1000)()


def hashed(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def some_results() -> Results:
    result = Result("cold", measured="2026-01-02 03:04", commit="abc1234")
    result.at_most("files", "ours / theirs", Ratio(0.5, 0.4, 0.9), 0.85, "1 s to 2 s")
    result.at_most("files", "ours / the floor", Ratio(1.2, 1.1, 1.3), 1.1)
    result.rows.append(Row("engine", "", "not run: no Pulumi CLI"))
    machine = {
        "cores": 2,
        "processor": "some",
        "memory_gib": 4.0,
        "system": "Linux 6",
        "python": "3.11.7",
        "tools": {"curl": "curl 8"},
    }
    return Results(machine, {"cold": result})


def test_the_table_says_what_is_met_and_what_is_not() -> None:
    lines = table(some_results()).splitlines()
    assert "2026-01-02 at abc1234" in lines[0]
    assert lines[-3:] == [
        "| files | ours / theirs | 0.500 (0.400 to 0.900) | <= 0.85 | yes | 1 s to 2 s |",
        "|  | ours / the floor | 1.200 (1.100 to 1.300) | <= 1.1 | **no** |  |",
        "| engine |  | not run: no Pulumi CLI |  |  |  |",
    ]


def test_the_page_is_rewritten_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(some_results(), page)
    once = page.read_text()
    write_page(some_results(), page)
    assert page.read_text() == once == f"before\n{BEGIN}\n{table(some_results())}\n{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="both marks"):
        write_page(some_results(), page)


def test_the_plot_is_the_same_for_the_same_results(tmp_path: Path) -> None:
    draw(some_results(), tmp_path / "one.svg")
    draw(some_results(), tmp_path / "two.svg")
    drawn = (tmp_path / "one.svg").read_bytes()
    assert drawn.startswith(b"<?xml")
    assert drawn == (tmp_path / "two.svg").read_bytes()


def test_results_are_kept_as_they_are(tmp_path: Path) -> None:
    some_results().save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == some_results()


def test_the_page_shows_the_results_that_are_kept() -> None:
    kept = Results.load(ROOT / "benchmarks" / "results.json")
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert f"{BEGIN}\n{table(kept)}\n{END}" in text
