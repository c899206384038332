"""`seqexp compare`: seeds of one model do not differ, a useless forecast does; other data is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from integration.runs import files, status

if TYPE_CHECKING:
    from integration.conftest import Cli


def second(copy: Path, seed: int, factor: float) -> Path:
    """The same run by another seed, whose errors are so many times those of the first."""
    other = copy.with_name(f"lstm-seed{seed}-{seed:08x}")
    shutil.copytree(copy, other)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("\nseed: 1\n", f"\nseed: {seed}\n"))
    table = pq.read_table(other / "predictions" / "test-losses.parquet").to_pandas()
    wobble = [1.1, 0.9] * (len(table) // 2)
    table.loc[table["of"] == "lstm", "scaled"] *= factor
    table["scaled"] *= wobble
    pq.write_table(pa.Table.from_pandas(table), other / "predictions" / "test-losses.parquet")
    values: dict[str, Any] = status(other)
    values["results"]["lstm"] *= factor
    (other / "status.json").write_text(json.dumps(values))
    return other


def test_two_seeds_of_a_model_do_not_differ(cli: Cli, copy: Path) -> None:
    second(copy, 2, 1.001)
    before = files(cli.cwd)
    ended = cli("compare", "outputs/stocks", "--by", "seed")
    assert ended.code == 0
    assert "seed=2 and seed=1: no significant difference, p = " in ended.out
    assert "(Diebold-Mariano, Holm over " in ended.out
    assert files(cli.cwd) == before


def test_a_useless_forecast_is_worse(cli: Cli, copy: Path) -> None:
    second(copy, 2, 9.0)
    found = json.loads(cli("compare", "outputs/stocks", "--by", "seed", "--json").out)
    worst = max(found["rows"], key=lambda r: r["rank"])
    assert (worst["name"], worst["model"]) == ("seed=2", True)
    assert worst["p_best"] < 0.05
    assert any("is better than seed=2 by" in w for w in found["words"])


def test_seeds_are_averaged_beside_the_classical_methods(cli: Cli, copy: Path) -> None:
    second(copy, 2, 2.0)
    second(copy, 3, 3.0)
    found = json.loads(cli("compare", "lstm-seed1", "lstm-seed2", "lstm-seed3", "--json").out)
    rows = {r["name"]: r for r in found["rows"]}
    assert set(rows) == {"lstm", "naive", "ridge"}
    results = status(copy)["results"]
    assert rows["lstm"]["mean"] == pytest.approx(2 * results["lstm"])
    assert rows["lstm"]["std"] == pytest.approx(results["lstm"])
    assert results["lstm"] <= rows["lstm"]["low"] < rows["lstm"]["high"] <= 3 * results["lstm"]
    assert rows["naive"]["mean"] == pytest.approx(results["naive"], rel=1e-8)
    for flag, start in (("--csv", "rank,name,"), ("--markdown", "| rank | name |"), ("--latex", "\\begin{tabular}")):
        assert cli("compare", "outputs/stocks", flag).out.startswith(start)


def test_other_data_is_refused_and_what_is_not_complete_left_out(cli: Cli, copy: Path) -> None:
    other = second(copy, 2, 1.0)
    text = (other / "provenance.json").read_text()
    (other / "provenance.json").write_text(text.replace('"fingerprint": "', '"fingerprint": "0'))
    ended = cli("compare", "outputs/stocks")
    assert ended.code == 2
    assert copy.name in ended.err
    assert other.name in ended.err
    assert "data fingerprint: " in ended.err
    (other / "status.json").write_text(json.dumps({**status(other), "state": "failed"}))
    ended = cli("compare", "outputs/stocks")
    assert ended.code == 0
    assert f"left out, as not complete: outputs/stocks/{other.name} (failed)" in ended.err


def test_a_run_made_before_is_compared_by_its_metrics(cli: Cli, copy: Path) -> None:
    (copy / "predictions" / "test-losses.parquet").unlink()
    ended = cli("compare", "outputs/stocks", "--metric", "test/rmse")
    assert ended.code == 0
    assert "keeps no losses of windows" in ended.out
    assert cli("compare", "outputs/stocks", "--metric", "nope").code == 2


def test_a_metric_without_losses_of_windows_is_ranked_and_not_tested(cli: Cli, copy: Path) -> None:
    second(copy, 2, 9.0)
    found = json.loads(cli("compare", "outputs/stocks", "--by", "seed", "--json", "--metric", "test/smape").out)
    assert [r["rank"] for r in found["rows"]] == list(range(1, len(found["rows"]) + 1))
    assert all(r["p_best"] is r["p_classical"] is None for r in found["rows"])
    assert any(w.startswith("differences in smape are not tested") for w in found["words"])


def test_the_runs_of_a_sweep_are_those_of_its_manifest(cli: Cli, copy: Path) -> None:
    other = second(copy, 2, 2.0)
    second(copy, 3, 3.0)
    sweep = cli.cwd / "outputs" / "sweeps" / "stocks-0"
    sweep.mkdir(parents=True)
    jobs = [{"run": f"stocks/{run.name}", "overrides": []} for run in (copy, other)]
    (sweep / "manifest.json").write_text(json.dumps({"jobs": jobs}))
    found = json.loads(cli("compare", "outputs/sweeps/stocks-0", "--by", "seed", "--json").out)
    assert {r["name"] for r in found["rows"] if r["model"]} == {"seed=1", "seed=2"}


@pytest.mark.parametrize(
    ("style", "first"),
    [
        ("csv", "rank,name,seeds,mean,std,low,high,p_best,p_classical"),
        ("markdown", "| rank | name | seeds | mean | std | low | high | p_best | p_classical |"),
        ("latex", r"\begin{tabular}{rlrrrrrrr}"),
    ],
)
def test_the_table_is_written_for_papers_too(cli: Cli, copy: Path, style: str, first: str) -> None:
    ended = cli("compare", copy.name, f"--{style}")
    assert ended.out.splitlines()[0] == first
    assert len(ended.out.splitlines()) == {"csv": 1, "markdown": 2, "latex": 3}[style] + 3
    assert "fewer than 3 seeds, so no interval: lstm" in ended.err
