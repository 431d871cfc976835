"""Runs the whole bench with tiny numbers, so that it keeps working. Its figures are not checked."""

import json
import subprocess
import sys
from pathlib import Path


def test_bench_measures_every_row_and_keeps_its_report(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--results", str(tmp_path)]
    bench = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    assert bench.returncode == 0, bench.stderr
    (table,) = tmp_path.glob("*.md")
    (kept,) = tmp_path.glob("*.json")
    assert bench.stdout.strip() == table.read_text().strip()
    report = json.loads(kept.read_bytes())
    assert [row["row"] for row in report["rows"]] == ["a", "b", "c", "e", "f", "d", "g", "h"]
    assert [ratio["name"] for ratio in report["ratios"]] == ["c/b", "c/a", "b/a", "f/e", "e/b", "d/g", "d/h", "d/c"]
    assert [(row["row"], row["connections"], row["chain_ms"]) for row in report["live"]] == [
        (row, 1, chain_ms) for row, chain_ms in (("alone", 50.0), ("cold", 100.0), ("warm", 50.0))
    ]
    assert all(row["p50_ms"] >= row["chain_ms"] for row in report["live"])
    assert [(row["engine"], row["shops"]) for row in report["awards"]["rows"]] == [("sqlite", 1), ("sqlite", 20)]
    assert report["snapshots"]["day"]["events"] > 0
    assert [row["holding"] for row in report["snapshots"]["restart"]["rows"]] == ["valkey"]
    assert report["snapshots"]["overload"]["seen"] > 0
    assert report["snapshots"]["memory"]["message_bytes"] > 0
    assert [row["events"] for row in report["channels"]["loads"][:2]] == [4, 6]
    assert [list(row["answers"]) for row in report["channels"]["kinds"]] == [["live"]] * 4 + [["not_member"]]
    assert [row["shops"] for row in report["checks"]["rows"]] == [1, 2]
    assert len(report["aims"]) == 21
