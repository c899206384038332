"""`seqexp train` from start to end: what it leaves, what it says, and that saying it again changes nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from integration.runs import assert_same_end, files, lines, status, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli

FAST = ("trainer.max_epochs=1", "trainer.limit_batches=2", "task.baselines=[naive]")


def test_a_run_directory_holds_what_is_promised(finished: Path, tiny: Sequence[str]) -> None:
    assert {p.name for p in finished.iterdir()} - {".lock"} == {
        "config.yaml", "status.json", "metrics.jsonl", "checkpoints", "predictions", "provenance.json", "log.txt",
    }  # fmt: skip
    assert status(finished)["state"] == "complete"
    assert (status(finished)["epoch"], status(finished)["step"]) == (3, 12)  # 56 windows, 16 a batch
    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert config["model"]["hidden_sizes"] == [4]
    assert f"data.path={config['data']['path']}" in tiny
    provenance = json.loads((finished / "provenance.json").read_text())
    assert provenance["calls"][0]["command"] == ["pytest"]
    assert provenance["data"]["rows"] == 120
    assert set(provenance["versions"]) >= {"python", "torch", "numpy", "seqexp"}
    assert "epoch   3/3" in (finished / "log.txt").read_text()


def test_the_last_two_checkpoints_and_the_best_are_kept_with_their_checksums(finished: Path) -> None:
    kept = sorted(finished.glob("checkpoints/*.pt"))
    assert [p.name for p in kept][-2:] == ["step-00000008.pt", "step-00000012.pt"]
    for path in kept:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.with_name(f"{path.name}.sha256").read_text().startswith(f"{digest}  {path.name}\n")
    assert len(list(finished.glob("checkpoints/*"))) == 2 * len(kept)


def test_metrics_have_a_line_for_each_log_each_epoch_and_each_tested_method(finished: Path) -> None:
    records = lines(finished)
    assert [(r["step"], r["epoch"]) for r in records if r["split"] == "train"] == [
        (2, 0), (4, 0), (6, 1), (8, 1), (10, 2), (12, 2),
    ]  # fmt: skip
    valid = [r for r in records if r["split"] == "valid"]
    assert [(r["step"], r["epoch"]) for r in valid] == [(4, 1), (8, 2), (12, 3)]
    assert status(finished)["best"] == min(r["loss"] for r in valid)
    test = [r for r in records if r["split"] == "test"]
    assert [r["of"] for r in test] == ["lstm", "naive", "ridge"]
    assert status(finished)["results"] == {r["of"]: r[status(finished)["headline"]] for r in test}
    naive = test[1]
    assert naive["by_step"]["mae"] == [naive["mae"]]


def test_the_naive_forecast_of_the_table_is_the_last_close(finished: Path, prices: Path) -> None:
    """18 test days, each forecast to close as the day before."""
    close = [float(line.split(",")[4]) for line in prices.read_text().splitlines()[1:]]
    errors = [abs(b - a) for a, b in zip(close[-19:-1], close[-18:], strict=True)]
    naive = next(r for r in lines(finished) if r.get("of") == "naive")
    assert naive["mae"] == pytest.approx(sum(errors) / 18)
    assert naive["rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / 18))


def test_the_same_command_again_says_complete_and_changes_nothing(cli: Cli, tiny: Sequence[str]) -> None:
    first = cli("train", *tiny)
    assert first.code == 0, first.err
    before = files(cli.cwd)
    again = cli("train", *reversed(tiny), "tracking=quiet")
    assert again.code == 0
    run = the_run(cli.cwd).relative_to(cli.cwd)
    assert again.out == f"{run} is complete; nothing to train\n{first.out}"
    assert f"everything is in {run}\n" in first.out
    assert again.err == ""
    assert files(cli.cwd) == before


def test_json_is_on_stdout_alone_and_every_line_is_an_object(cli: Cli, tiny: Sequence[str]) -> None:
    ended = cli("train", *tiny, "--json")
    assert ended.code == 0
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [e["event"] for e in events if e["event"] != "message"] == [
        *(["train", "train", "valid"] * 3), "complete",
    ]  # fmt: skip
    logged = [r for r in lines(the_run(cli.cwd)) if r["split"] == "test"]
    assert events[-1]["results"] == logged
    assert ended.err == ""
    again = cli("train", *tiny, "--json")
    assert json.loads(again.out) == events[-1]


def test_for_people_progress_is_on_stderr_and_results_on_stdout(cli: Cli, tiny: Sequence[str]) -> None:
    ended = cli("train", *tiny, *FAST)
    assert re.search(r"^outputs/stocks/lstm-seed1-\w{8} begins: lstm with \d+ weights on \w+, 56 / 18 / 18", ended.err)
    assert "epoch   1/1" in ended.err
    assert "epoch" not in ended.out
    assert "test results, best first by MASE" in ended.out
    assert "One seed is no proof." in ended.out


def test_a_sweep_trains_each_combination_once(cli: Cli, tiny: Sequence[str]) -> None:
    sweep = ("train", "-m", *tiny, *FAST, "model=rnn,lstm,gru", "seed=1,2")
    ended = cli(*sweep)
    assert ended.code == 0, ended.err
    assert "sweep of 6 jobs" in ended.err
    runs = sorted(p.name.rsplit("-", 1)[0] for p in cli.cwd.glob("outputs/stocks/*"))
    assert runs == [f"{m}-seed{s}" for m in ("gru", "lstm", "rnn") for s in (1, 2)]
    before = files(cli.cwd / "outputs" / "stocks")
    again = cli(*sweep[:-1], "seed=2")
    assert again.code == 0
    assert again.out.count("is complete; nothing to train") == 3
    assert files(cli.cwd / "outputs" / "stocks") == before
    alone = cli("train", *tiny, *FAST, "model=gru", "seed=2")
    assert "is complete; nothing to train" in alone.out


def test_a_sweep_that_was_killed_goes_on_with_the_unfinished_job(cli: Cli, tiny: Sequence[str]) -> None:
    sweep = ("train", "-m", *tiny, *FAST, "model=rnn,lstm")
    killed = cli(*sweep, faults=[{"at": "seqexp.training.loop:train_step", "call": 3, "when": "after"}])
    assert killed.code == -9
    states = sorted((p.parent.name[:3], json.loads(p.read_text())["state"]) for p in cli.cwd.rglob("status.json"))
    assert states == [("lst", "running"), ("rnn", "complete")]
    ended = cli(*sweep)
    assert ended.code == 0
    assert ended.out.count("is complete; nothing to train") == 1
    whole = cli.at("whole")
    assert whole(*sweep).code == 0
    for path in cli.cwd.glob("outputs/stocks/*"):
        assert_same_end(path, whole.cwd / path.relative_to(cli.cwd))


def test_one_failing_job_does_not_stop_the_sweep(cli: Cli, tiny: Sequence[str]) -> None:
    ended = cli("train", "-m", *tiny, *FAST, "data.target=close,volatility,return")
    assert ended.code == 1
    assert "1 of 3 jobs failed" in ended.err
    assert "data.window must be at least 22 with data.target=volatility" in ended.err.splitlines()[-1]
    assert len(list(cli.cwd.glob("outputs/stocks/*"))) == 2


def test_cfg_job_prints_the_configuration_and_trains_nothing(cli: Cli, tiny: Sequence[str]) -> None:
    ended = cli("train", *tiny, "model=gru", "optimizer.lr=0.25", "--cfg", "job")
    assert ended.code == 0, ended.err
    config = yaml.safe_load(ended.out)
    assert config["model"]["name"] == "gru"
    assert config["optimizer"]["lr"] == 0.25
    assert list(cli.cwd.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "said"), [("--info", "Defaults Tree"), ("--hydra-help", "Hydra"), ("--help", "usage: seqexp train")]
)
def test_flags_that_only_print(cli: Cli, flag: str, said: str) -> None:
    ended = cli("train", flag)
    assert (ended.code, ended.err) == (0, "")
    assert said in ended.out
    assert list(cli.cwd.iterdir()) == []


def test_a_folder_of_the_users_own_yaml_adds_options(cli: Cli, tiny: Sequence[str]) -> None:
    own = cli.cwd / "mine" / "model"
    own.mkdir(parents=True)
    (own / "small.yaml").write_text("defaults:\n  - gru\n\nhidden_sizes: [3, 2]\nlayer_norm: true\n")
    fast = (*(o for o in tiny if not o.startswith("model.")), *FAST)
    for option in (("--config-dir", "mine"), (f"--config-dir={own.parent}",)):
        ended = cli("train", *fast, "model=small", *option)
        assert ended.code == 0, ended.err
    config = yaml.safe_load((the_run(cli.cwd) / "config.yaml").read_text())
    assert (config["model"]["name"], config["model"]["hidden_sizes"]) == ("gru", [3, 2])
    assert config["model"]["layer_norm"] is True


def table(folder: Path, layout: str) -> tuple[str, ...]:
    """Two series of 90 hours, in one of three layouts; the long one knows its holidays ahead."""
    value = {s: [round(10 * s + math.sin(t / 3.8) + t * 7 % 5 / 9, 4) for t in range(90)] for s in (1, 2)}
    time = [f"2021-03-{1 + t // 24:02d} {t % 24:02d}:00" for t in range(90)]
    if layout == "wide":
        rows = ["time,a,b", *(f"{time[t]},{value[1][t]},{value[2][t]}" for t in range(90))]
    elif layout == "long":
        rows = ["id,time,load,holiday"]
        rows += [f"s{s},{time[t]},{value[s][t]},{int(t % 24 < 6)}" for s in (1, 2) for t in range(90)]
    else:
        rows = [f"s{s}," + ",".join(map(str, value[s])) for s in (1, 2)]
    path = folder / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    more = {"wide": ("data.multivariate=true",), "long": ("data.target=load", "data.known=[holiday]"), "rows": ()}
    return ("data=table", f"data.path={path}", "data.window=24", "data.horizon=3", *more[layout])


HEADS = ("point", "quantile", "gaussian", "student_t")
SMALL = ("model.hidden_sizes=[4]", "trainer.batch_size=16", *FAST)


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layout", ["wide", "long", "rows"])
def test_each_model_learns_each_layout_of_a_table(cli: Cli, layout: str, model: str) -> None:
    head = HEADS[(len(layout) + len(model)) % 4]
    ended = cli("train", *table(cli.cwd, layout), *SMALL, f"model={model}", f"task.head={head}")
    assert ended.code == 0, ended.err
    tested = [r for r in lines(the_run(cli.cwd)) if r["split"] == "test"]
    assert [r["of"] for r in tested] == [model, "naive"]
    assert all(math.isfinite(r["mae"]) and len(r["by_step"]["mae"]) == 3 for r in tested)


TARGETS = [*itertools.product(["close", "return", "volatility"], HEADS), ("direction", HEADS[0])]


@pytest.mark.parametrize(("target", "head"), TARGETS)
def test_each_head_learns_each_target_of_stocks(cli: Cli, tiny: Sequence[str], target: str, head: str) -> None:
    model = ("rnn", "lstm", "gru")[(len(target) + len(head)) % 3]
    ended = cli("train", *tiny, *FAST, f"data.target={target}", f"task.head={head}", f"model={model}", "data.window=22")
    assert ended.code == 0, ended.err
    mine, naive = (r for r in lines(the_run(cli.cwd)) if r["split"] == "test")
    metric = {"direction": "log_loss", "volatility": "qlike"}.get(target, "crps")
    assert mine[metric] > 0
    assert math.isfinite(naive[metric])
