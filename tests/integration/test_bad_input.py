"""What is wrong is said once, in words: the value, the rule, the way out. No traceback, and nothing is lost."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from integration.runs import files, lines, status, the_run

if TYPE_CHECKING:
    from integration.conftest import Cli, Ended


def assert_refused(ended: Ended, message: str, code: int = 2) -> None:
    """One block on stderr, with these words; nothing on stdout."""
    assert ended.out == ""
    assert "Traceback" not in ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("seqexp: ")]
    assert len(said) == 1, ended.err
    assert re.search(message, ended.err), ended.err
    assert ended.code == code, ended.err


CONFIGURATIONS: dict[str, tuple[str, str]] = {
    "unknown key": ("model.hiden_sizes=[4]", r"unknown key 'model\.hiden_sizes'; did you mean 'model\.hidden_sizes'\?"),
    "unknown top key": ("sead=1", r"unknown key 'sead'; did you mean 'seed'\?  \(command line\)"),
    "key of another model": ("model.forget_gate_bias.x=1", r"model\.forget_gate_bias must be a number"),
    "text for a number": ("optimizer.lr=fast", r"optimizer\.lr must be a number, but is 'fast'  \(command line\)"),
    "number for text": ("trainer.monitor=3", r"trainer\.monitor must be text, but is 3"),
    "fraction for a whole number": (
        "trainer.max_epochs=1.5",
        r"trainer\.max_epochs must be a whole number, but is 1\.5",
    ),
    "text for a flag": ("model.residual=perhaps", r"model\.residual must be true or false, but is 'perhaps'"),
    "null where it must be": ("trainer.batch_size=null", r"trainer\.batch_size must be a whole number, but is null"),
    "not finite": ("optimizer.lr=inf", r"optimizer\.lr must be a finite number, but is inf"),
    "nan": ("optimizer.lr=nan", r"optimizer\.lr must be a finite number, but is nan"),
    "negative rate": ("optimizer.lr=-0.1", r"optimizer\.lr must be greater than 0\.0, but is -0\.1"),
    "rate of a thousand": ("optimizer.lr=1000", r"optimizer\.lr must be at most 100\.0, but is 1000"),
    "no threads": ("threads=0", r"threads must be at least 1, but is 0"),
    "no window": ("data.window=0", r"data\.window must be at least 1, but is 0"),
    "no horizon": ("data.horizon=0", r"data\.horizon must be at least 1, but is 0"),
    "no epochs": ("trainer.max_epochs=0", r"trainer\.max_epochs must be at least 1, but is 0"),
    "dropout of one": ("model.dropout=1.0", r"model\.dropout must be less than 1\.0, but is 1\.0"),
    "no layers": ("model.hidden_sizes=[]", r"model\.hidden_sizes must be a list of at least 1, but is \[\]"),
    "empty layer": ("model.hidden_sizes=[4,0]", r"model\.hidden_sizes\[1\] must be at least 1, but is 0"),
    "seed too large": ("seed=4294967296", r"seed must be less than 4294967296, but is 4294967296"),
    "shares past one": ("data.split.valid=0.9", r"data\.split has shares that add up to 1\.05; they must not pass 1"),
    "share of nothing": (
        "data.split.valid=0",
        r"data\.split\.valid must be a share between 0 and 1, or a whole number",
    ),
    "share and a half": (
        "data.split.test=1.5",
        r"data\.split\.test must be a share between 0 and 1, or a whole number",
    ),
    "date of no calendar": ("data.split.until=2020-02-31", r"data\.split\.until must be a date such as 2016-01-31"),
    "one date of two": ("data.split.test_from=2020-03-01", r"data\.split needs both valid_from and test_from"),
    "date in a year far off": (
        "data.split.until=1990-01-01",
        r"data\.split leaves no row for train: .* or move its dates",
    ),
    "unknown model": ("model=lstn", r"model must be one of gru, lstm, rnn, but is 'lstn'; did you mean 'lstm'\?"),
    "unknown data": ("data=stonks", r"data must be one of adding, .*, text, but is 'stonks'; did you mean 'stocks'\?"),
    "a number for a group": ("model=3", r"model must name a file, but is 3"),
    "unknown loss": ("task.loss=mze", r"task\.loss must be one of mse, mae, huber, but is 'mze'; did you mean 'mse'\?"),
    "unknown head": ("task.head=normal", r"task\.head must be one of point, quantile, gaussian, student_t, but is"),
    "unknown baseline": ("task.baselines=[nave]", r"task\.baselines\[0\] must be one of naive, .*did you mean 'naive'"),
    "a baseline twice": ("task.baselines=[naive,naive]", r"task names a baseline twice"),
    "quantile of two": ("task.quantiles=[0.5,2]", r"task needs quantiles between 0 and 1, but has \[0\.5, 2\.0\]"),
    "unknown target": ("data.target=open", r"data\.target must be one of close, return, direction, volatility"),
    "unknown feature": ("data.features=[smma_5]", r"there is no feature 'smma_5'; did you mean 'sma'\?"),
    "unknown ticker": ("data.tickers=[XYZ]", r"data\.tickers: there is no 'XYZ' among prices"),
    "unknown monitor": ("trainer.monitor=maee", r"trainer\.monitor must be one of loss, mae, .*did you mean 'mae'\?"),
    "unknown device": ("device=gpu", r"device must be one of auto, cpu, cuda, mps, but is 'gpu'"),
    "unknown precision": ("trainer.precision=double", r"trainer\.precision must be one of float32, bf16, fp16"),
    "a window that the series does not have": ("data.window=500", r"'prices' has 120 rows, but one window and its h"),
    "a horizon that the series does not have": ("data.horizon=120", r"'prices' has 120 rows, but one window and its h"),
    "a horizon longer than a split": (
        "data.horizon=40",
        r"valid has no whole window: data\.window=8 and data\.horizon=40 do",
    ),
    "a lag beyond the series": (
        "task.lags=[200]",
        r"train has no whole window: data\.window=8, task\.lags of up to 200 and",
    ),
    "a lag of nothing": ("task.lags=[0]", r"task needs lags of at least 1, but has \[0\]"),
    "volatility from a week": ("data.target=volatility", r"data\.window must be at least 22 with data\.target=volatil"),
    "an anchor that does not go": (
        "data.target=return task.anchor=season",
        r"task\.anchor must be auto or last with data\.t",
    ),
    "nesterov without momentum": ("optimizer=sgd optimizer.nesterov=true optimizer.momentum=0", r"nesterov=true needs"),
    "no value": ("seed", r"'seed' must be key=value"),
    "several values without a sweep": ("seed=1,2", r"'seed=1,2' names several values: add -m for a job each, or wri"),
    "broken quotes": ("name='x", r"cannot be read"),
    "a name that is a path": ("name=../x", r"name must be up to 80 letters, digits"),
    "empty outputs": ("outputs=''", r"outputs must be not empty"),
    "a section as a value": ("trainer=3", r"trainer must name a file, but is 3"),
    "delete what must be": ("~seed", r"key 'seed' is missing"),
    "an environment variable that is not set": (
        "name='${oc.env:NOT_SET_AT_ALL}'",
        r"name needs the environment variable NOT_SET_AT_ALL, ",
    ),
    "a path that does not exist": ("data.path=nowhere.csv", r"nowhere\.csv does not exist"),
    "a glob that matches nothing": ("data.path=no*.csv", r"no\*\.csv matches no file"),
    "rerun a pickle": ("--experimental-rerun=x.pickle", r"--experimental-rerun executes code from a file and is not"),
    "unknown flag": ("--fast", r"there is no flag --fast; `seqexp train --help` lists them"),
    "config folder that is none": ("--config-dir=nowhere", r"--config-dir must be a folder, but 'nowhere' is none"),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_wrong_configuration_is_refused(cli: Cli, tiny: Sequence[str], case: str) -> None:
    overrides, message = CONFIGURATIONS[case]
    ended = cli("train", *tiny, *overrides.split(" "))
    assert_refused(ended, message)
    assert files(cli.cwd) == {}, "nothing was begun"


def bars(
    change: Callable[[list[str]], list[str]] = lambda rows: rows, header: str = "Date,Open,High,Low,Close,Volume"
) -> bytes:
    """90 days of bars, changed."""
    rows = [
        f"2020-{1 + d // 28:02d}-{1 + d % 28:02d},{p},{p + 1},{p - 1},{p},100" for d, p in enumerate(range(50, 140))
    ]
    return "\n".join([header, *change(rows), ""]).encode()


def cell(row: int, column: int, text: str) -> Callable[[list[str]], list[str]]:
    """Change one cell; row 5 is the file's line 7."""

    def change(rows: list[str]) -> list[str]:
        cells = rows[row].split(",")
        cells[column] = text
        return [*rows[:row], ",".join(cells), *rows[row + 1 :]]

    return change


AMBIGUOUS = b"Date,Close\n" + b"".join(b"%02d/%02d/2020,5\n" % (1 + i // 12, 1 + i % 12) for i in range(99))

FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("p.csv", b"", r"p\.csv is empty; a table needs a line of column names and rows under it"),
    "blank": ("p.csv", b"\n\n  \n", r"p\.csv is empty"),
    "only a header": ("p.csv", b"Date,Close\n", r"p\.csv has column names but no rows"),
    "one row": ("p.csv", bars(lambda rows: rows[:1]), r"series 'p' has 1 rows, but one window and its horizon need 10"),
    "nine rows": (
        "p.csv",
        bars(lambda rows: rows[:9]),
        r"series 'p' has 9 rows, but one window and its horizon need 1",
    ),
    "binary": ("p.csv", bytes(range(256)) * 4, r"p\.csv is a binary file; data is read from CSV"),
    "text in a number": (
        "p.csv",
        bars(cell(5, 4, "abc")),
        r"p\.csv line 7: column 'Close' must hold numbers, but has 'abc'",
    ),
    "an empty cell": (
        "p.csv",
        bars(cell(5, 4, "")),
        r"p\.csv line 7: column 'close' is (empty|nan|NaN).*data\.cleaning\.non_f",
    ),
    "infinity": ("p.csv", bars(cell(5, 4, "inf")), r"p\.csv line 7: column 'close' is inf"),
    "all cells empty": (
        "p.csv",
        bars(lambda rows: [r.rsplit(",", 2)[0] + ",,1" for r in rows]),
        r"column 'close' of series 'p' has no number at all",
    ),
    "price of nothing": (
        "p.csv",
        bars(cell(5, 4, "0")),
        r"p\.csv line 7: close of 'p' is 0, but prices must be greater than 0",
    ),
    "negative price": (
        "p.csv",
        bars(cell(5, 1, "-3")),
        r"p\.csv line 7: open of 'p' is -3, but prices must be greater",
    ),
    "a date that is none": (
        "p.csv",
        bars(cell(5, 0, "2020-13-45")),
        r"p\.csv line 7: column 'Date' must hold dates, but has '2020-13-45'",
    ),
    "a date twice": (
        "p.csv",
        bars(lambda rows: [*rows[:6], rows[5], *rows[6:]]),
        r"p\.csv line 8: series 'p' has 2020-01-06.* twice",
    ),
    "no close": ("p.csv", bars(header="Date,Open,High,Low,Fin,Volume"), r"p\.csv has no close column among Date, Open"),
    "no date": (
        "p.csv",
        b"Open,Close\n" + b"1,2\n" * 50,
        r"p\.csv has no column of dates; name it with data\.columns=",
    ),
    "two closes": (
        "p.csv",
        bars(header="Date,Open,High,Close,Close,Volume"),
        r"p\.csv has two columns named 'Close'; rename",
    ),
    "a cell too many": (
        "p.csv",
        bars(lambda rows: [*rows[:9], rows[9] + ",1,2", *rows[10:]]),
        r"p\.csv line 11 has 8 cells, but the first line has 6; each row needs one for each column",
    ),
    "delimiters mixed": (
        "p.csv",
        bars(lambda rows: [r.replace(",", ";") if i % 2 else r for i, r in enumerate(rows)]),
        r"line 3: column 'Date' must hold dates, but has '2020-01-02;51;",
    ),
    "gzip cut off": ("p.csv.gz", gzip.compress(bars(), mtime=0)[:-40], r"p\.csv\.gz cannot be read"),
    "no gzip at all": ("p.csv.gz", bars(), r"p\.csv\.gz cannot be read: Not a gzipped file"),
    "no parquet": ("p.parquet", b"PAR1nonsense", r"p\.parquet cannot be read as Parquet"),
    "csv named parquet": ("p.parquet", bars(), r"p\.parquet cannot be read as Parquet"),
    "a page of the web": (
        "p.csv",
        b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
        r"p\.csv has no column of dates",
    ),
    "day or month first": (
        "p.csv",
        AMBIGUOUS,
        r"no row tells whether the day or the month comes first; give data\.date_format=",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_not_as_it_must_be_is_refused(cli: Cli, tiny: Sequence[str], case: str) -> None:
    name, content, message = FILES[case]
    (cli.cwd / name).write_bytes(content)
    before = files(cli.cwd)
    ended = cli("train", *tiny, f"data.path={name}")
    assert_refused(ended, message)
    assert files(cli.cwd) == before


TABLES: dict[str, tuple[str, str, str]] = {
    "no path": ("", "", r"data=table needs data\.path=FILE"),
    "a folder without tables": ("", "data.path=.", r"is a folder without a table; looked for \*\.csv"),
    "no such target": (
        "time,a,b",
        "data.target=c",
        r"t\.csv has no column 'c' \(data\.target\); its columns are time, a, b",
    ),
    "no such covariate": ("time,a,b", "data.known=[x]", r"t\.csv has no column 'x' \(data\.known\)"),
    "two roles": (
        "time,a,b",
        "data.target=a data.known=[a]",
        r"column 'a' has two roles among data\.target, data\.known",
    ),
    "no such time": ("time,a,b", "data.time_column=when", r"t\.csv has no column 'when' \(data\.time_column\)"),
    "no such frequency": ("time,a,b", "data.frequency=often", r"data\.frequency must be auto, none or a pandas offset"),
    "a format of dates that is none": (
        "time,a,b",
        "data.date_format=%Q",
        r"data\.date_format must be a strptime format, but is '%Q'",
    ),
    "rows where it is wide": ("time,a,b", "data.layout=rows", r"series '2020-01-01' has 2 rows, but one window"),
    "long without ids": (
        "time,a,b",
        "data.layout=long",
        r"has no column of series ids among time, a, b; give data\.seri",
    ),
    "dates without times": (
        "x,a,b",
        "data.split.valid_from=2020-01-01 data.split.test_from=2020-02-01",
        r"has no column of t",
    ),
    "calendar without times": (
        "x,a,b",
        "data.calendar=[day_of_week]",
        r"data\.calendar needs dates, but the data has no c",
    ),
    "log of what is negative": (
        "time,a,b",
        "data.scaling.target=log",
        r"data\.scaling\.target=log needs values greater tha",
    ),
    "a season longer than the window": (
        "time,a,b",
        "task.anchor=season data.season=30",
        r"task\.anchor=season needs a se",
    ),
    "a test that has other series": (
        "time,a,b",
        "data.test_path=u.csv",
        r"data\.test_path must continue the series of data\.p",
    ),
    "unsorted and told so": (
        "time,a,b",
        "data.cleaning.unsorted=refuse",
        r"t\.csv line 4: 2020-01-02.* comes after 2020-01-03",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_does_not_fit_what_was_said_is_refused(cli: Cli, case: str) -> None:
    header, overrides, message = TABLES[case]
    if header:
        days = [0, 2, 1, *range(3, 60)]
        first = [f"2020-{1 + d // 28:02d}-{1 + d % 28:02d}" if "time" in header else f"{d * 7 % 60 - 9}" for d in days]
        rows = [f"{t},{d % 5 - 1},{d % 7 + 1}" for t, d in zip(first, days, strict=True)]
        (cli.cwd / "t.csv").write_text("\n".join([header, *rows, ""]))
        (cli.cwd / "u.csv").write_text("time,a\n2021-01-01,4\n2021-01-02,4\n")
    path = ["data.path=t.csv"] if header else []
    before = files(cli.cwd)
    ended = cli("train", "data=table", "data.window=8", *path, *overrides.split())
    assert_refused(ended, message)
    assert files(cli.cwd) == before


def test_a_constant_column_is_learned_and_not_divided_by(cli: Cli, tiny: Sequence[str]) -> None:
    """Nothing to refuse: a price that never moves has a scale of 1, and MASE is not defined."""
    (cli.cwd / "p.csv").write_bytes(bars(lambda rows: [r.split(",")[0] + ",50,50,50,50,100" for r in rows]))
    ended = cli("train", *tiny, "data.path=p.csv", "task.baselines=[naive]")
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    naive = next(r for r in lines(the_run(cli.cwd)) if r.get("of") == "naive")
    assert naive["mae"] == pytest.approx(0, abs=1e-9)
    assert naive["mase"] is None


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def each(action: Callable[[Path], object]) -> Callable[[Path], None]:
    """Do something to every checkpoint of a run."""

    def damage(run: Path) -> None:
        for path in run.glob("checkpoints/*.pt"):
            action(path)

    return damage


def config(change: Callable[[dict[str, dict[str, object]]], object]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        values = yaml.safe_load((run / "config.yaml").read_text())
        change(values)
        (run / "config.yaml").write_text(yaml.safe_dump(values))

    return damage


def text(name: str, content: str) -> Callable[[Path], None]:
    return lambda run: (run / name).write_text(content) and None


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("exploded",)


RUNS: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "checkpoints cut": (each(lambda p: os.truncate(p, 100)), 1, r"step-00000012\.pt is damaged: its SHA-256 is"),
    "checkpoints with a flipped bit": (each(flip), 1, r"step-00000012\.pt is damaged: its SHA-256 is"),
    "checksums missing": (
        each(lambda p: p.with_name(f"{p.name}.sha256").unlink()),
        1,
        r"best checkpoint, with score .*, is missing from",
    ),
    "checkpoints missing": (each(lambda p: p.unlink()), 1, r"checkpoint"),
    "pickles for checkpoints": (each(lambda p: p.write_bytes(pickle.dumps(Bomb()))), 1, r"is damaged"),
    "a key gone": (
        config(lambda v: v["trainer"].pop("clip_norm")),
        2,
        r"key 'trainer\.clip_norm' is missing  \(.*config\.y",
    ),
    "a key too many": (config(lambda v: v["model"].update(depth=3)), 2, r"unknown key 'model\.depth'.*config\.yaml\)"),
    "a value out of range": (
        config(lambda v: v["data"].update(window=0)),
        2,
        r"data\.window must be at least 1, but is 0",
    ),
    "broken YAML": (text("config.yaml", "a: [1, 2\nb: }"), 2, r"config\.yaml is not plain YAML"),
    "YAML with a Python object": (
        text("config.yaml", "a: !!python/object/apply:os.mkdir [exploded]"),
        2,
        r"it has a tag",
    ),
    "a bomb of aliases": (text("config.yaml", "a: &a [x]\nb: [*a, *a]"), 2, r"it has an alias \(\*name\)"),
    "YAML that is a list": (text("config.yaml", "- 1"), 2, r"config\.yaml holds no keys; it was damaged"),
    "binary YAML": (
        lambda run: (run / "config.yaml").write_bytes(b"\xff\xfe\x00"),
        2,
        r"config\.yaml is not plain YAML",
    ),
    "broken status": (text("status.json", "{"), 2, r"status\.json cannot be read as JSON"),
    "data that is gone": (
        config(lambda v: v["data"].update(path="/nowhere/p.csv")),
        2,
        r"data\.path=/nowhere/p\.csv does not e",
    ),
    "weights of another model": (
        config(lambda v: v["model"].update(hidden_sizes=[5])),
        1,
        r"the checkpoint belongs to another model: size mismatch",
    ),
    "broken provenance": (text("provenance.json", "[]"), 2, r"provenance\.json holds no JSON object; it was damaged"),
}


@pytest.mark.parametrize("case", RUNS)
def test_a_damaged_run_is_refused_and_left_as_it_is(cli: Cli, copy: Path, prices: Path, case: str) -> None:
    damage, code, message = RUNS[case]
    damage(copy)
    before = files(copy)
    if list(RUNS).index(case) % 2:
        ended = cli("predict", str(copy), "--input", str(prices))
    else:
        ended = cli("evaluate", str(copy))
    assert_refused(ended, message, code)
    assert files(copy) == before
    assert not (cli.cwd / "exploded").exists()


def test_a_forecast_needs_no_old_data(cli: Cli, copy: Path, prices: Path) -> None:
    RUNS["data that is gone"][0](copy)
    assert cli("predict", str(copy), "--input", str(prices)).code == 0


DAMAGED = ("checkpoints cut", "checkpoints with a flipped bit", "checksums missing", "pickles for checkpoints")


@pytest.mark.parametrize("case", DAMAGED)
def test_training_never_starts_over_where_no_checkpoint_can_be_trusted(cli: Cli, copy: Path, case: str) -> None:
    RUNS[case][0](copy)
    (copy / "status.json").write_text(json.dumps({**status(copy), "state": "interrupted"}))
    before = {k: v for k, v in files(copy).items() if "checkpoints" in k or k in ("metrics.jsonl", "config.yaml")}
    ended = cli("resume", "latest", "tracking=quiet")
    assert_refused(
        ended, r"no checkpoint in .* can be trusted:\n(  .*\n)+restore one from a copy, or delete the run", 1
    )
    after = files(copy)
    assert {k: after[k] for k in before} == before


def test_training_goes_on_from_the_checkpoint_before_a_damaged_one_and_says_so(
    cli: Cli, copy: Path, finished: Path
) -> None:
    flip(copy / "checkpoints" / "step-00000012.pt")
    (copy / "status.json").write_text(json.dumps({**status(copy), "state": "interrupted"}))
    ended = cli("resume", "latest", "tracking=console")
    assert ended.code == 0
    assert re.search(r"step-00000012\.pt is damaged: .*; going on from step-00000008\.pt instead", ended.err)
    assert lines(copy) == lines(finished)


COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown command": (("trian",), r"there is no command 'trian'; did you mean 'seqexp train'\?"),
    "quite another": (("xyzzy",), r"there is no command 'xyzzy'; the commands are train, resume"),
    "no command": (("model=gru", "seed=2"), r"did you mean 'seqexp train model=gru seed=2'\?"),
    "no run": (("resume",), r"the following arguments are required: RUN\n"),
    "runs of nothing": (("resume", "latest"), r"no run 'latest' in outputs: there are none yet"),
    "no input": (("predict", "latest"), r"predict needs --input FILE"),
    "an input that is not there": (
        ("predict", "RUN", "--input", "no.csv"),
        r"--input no\.csv does not exist; give a file, or",
    ),
    "wrong split": (("evaluate", "RUN", "--split", "train"), r"argument --split: invalid choice: 'train'"),
    "wrong flag": (("evaluate", "RUN", "--jsno"), r"unrecognized arguments: --jsno; did you mean --json\?"),
    "wrong checkpoint": (("evaluate", "RUN", "--checkpoint", "worst"), r"cannot read worst: No such file or directory"),
    "wrong action": (("runs", "delete"), r"argument action: invalid choice: 'delete'"),
    "one run of two": (("runs", "diff", "RUN"), r"runs diff takes 2 RUN, but got 1"),
    "a run of none": (("runs", "show"), r"runs show takes 1 RUN, but got 0"),
    "an unknown run": (("runs", "show", "nobody"), r"no run 'nobody' in outputs"),
    "data of what": (("data",), r"the following arguments are required: action\n"),
    "data wrong": (("data", "describe", "data.windo=3"), r"unknown key 'data\.windo'; did you mean 'data\.window'\?"),
    "an input without a column": (("predict", "RUN", "--input", "half.csv"), r"half\.csv"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_wrong_command_is_refused(cli: Cli, finished: Path, case: str) -> None:
    words, message = COMMANDS[case]
    (cli.cwd / "half.csv").write_text("Date,Open\n2020-01-01,4\n")
    before = files(finished)
    ended = cli(*(str(finished) if word == "RUN" else word for word in words))
    assert_refused(ended, message, 1 if case == "wrong checkpoint" else 2)
    assert files(finished) == before


@pytest.mark.parametrize("error", ["EACCES", "EROFS", "ENOSPC"])
def test_a_folder_that_cannot_be_written_is_said(cli: Cli, tiny: Sequence[str], error: str) -> None:
    ended = cli("train", *tiny, faults=[{"at": "file", "call": 1, "raise": error}])
    reason = {"EACCES": "Permission denied", "EROFS": "Read-only file system", "ENOSPC": "No space left on device"}[
        error
    ]
    assert_refused(
        ended, rf"cannot write outputs/stocks/.*: {reason}; make room or give another place with outputs=FOLD"
    )


def test_outputs_that_is_a_file_is_said(cli: Cli, tiny: Sequence[str]) -> None:
    (cli.cwd / "outputs").write_text("")
    assert_refused(
        cli("train", *tiny), r"cannot write outputs/stocks/.*: Not a directory; make room or give another pl"
    )


@pytest.mark.parametrize("limit", [200, 2_000, 9_000])
def test_a_full_disk_is_one_message_and_the_run_can_go_on(
    cli: Cli, tiny: Sequence[str], finished: Path, limit: int
) -> None:
    ended = cli("train", *tiny, "tracking=quiet", limit=limit)
    assert_refused(ended, r"cannot (write|use) .*: File too large")
    assert cli("train", *tiny).code == 0
    assert lines(the_run(cli.cwd)) == lines(finished)


def test_the_data_of_a_run_may_not_change_under_it(cli: Cli, tiny: Sequence[str], prices: Path) -> None:
    shutil.copy(prices, cli.cwd / "mine.csv")
    command = ("train", *tiny, "data.path=mine.csv")
    assert cli(*command, faults=[{"at": "seqexp.training.loop:train_step", "call": 6, "when": "after"}]).code == -9
    with (cli.cwd / "mine.csv").open("a") as file:
        file.write("2020-06-17,100,101,99,100,1000000\n")
    before = files(cli.cwd / "outputs")
    for words in (command, ("resume", "latest"), ("evaluate", "latest")):
        assert_refused(
            cli(*words), r"the data changed since outputs/.* began \(.*rows: 120 then, 121 now.*Put the old data"
        )
    after = files(cli.cwd / "outputs")
    assert {k for k in before if before[k] != after[k]} <= {
        str(the_run(cli.cwd).relative_to(cli.cwd / "outputs") / "status.json"),
        str(the_run(cli.cwd).relative_to(cli.cwd / "outputs") / "log.txt"),
    }


def test_a_device_that_is_not_there_is_said(cli: Cli, tiny: Sequence[str]) -> None:
    import torch

    absent = [
        d for d, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if not there
    ]
    for device in absent:
        assert_refused(
            cli("train", *tiny, f"device={device}"), rf"device must be one that is here \(.*cpu.*\), but is '{device}'"
        )
