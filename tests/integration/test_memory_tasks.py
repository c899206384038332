"""Adding, copying, digits and music by their commands, from generated data and from files of the user's own."""

from __future__ import annotations

import gzip
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from integration.runs import assert_same_end, status, the_run
from scipy.io import savemat

from seqexp.track.gradient_flow import read

if TYPE_CHECKING:
    from integration.conftest import Cli

TINY = ("model=gru", "model.hidden_sizes=[4]", "trainer.max_epochs=1", "trainer.limit_batches=2", "tracking=quiet")
MADE = ("data.length=6", "data.train=40", "data.valid=10", "data.test=10")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("adding", MADE),
        ("copy_memory", MADE),
        ("digits", ("data.permuted=true", "task.baselines=[majority]")),
        ("music", ()),
    ],
)
def test_each_is_trained_and_tested_by_its_name(cli: Cli, data: str, words: tuple[str, ...]) -> None:
    ended = cli("train", f"data={data}", *TINY, *words)
    assert (ended.code, ended.err) == (0, "")
    run = the_run(cli.cwd)
    assert status(run)["state"] == "complete"
    results = status(run)["results"]
    assert len(results) > 1
    assert all(math.isfinite(r) for r in results.values())


def mnist(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, count in (("train", 40), ("t10k", 10)):
        parts = ("images-idx3", 2051, rng.integers(0, 256, (count, 2, 2))), ("labels-idx1", 2049, np.arange(count) % 10)
        for kind, magic, values in parts:
            head = b"".join(n.to_bytes(4, "big") for n in (magic, *values.shape))
            packed = gzip.compress(head + values.astype(np.uint8).tobytes())
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(packed)
    return folder


def music(folder: Path, **changes: Any) -> Path:
    pieces = np.empty((1, 3), dtype=object)
    for i in range(3):
        pieces[0, i] = np.eye(88)[: i + 2]
    plain = dict.fromkeys(("traindata", "validdata", "testdata"), pieces)
    savemat(folder / "songs.mat", {k: v for k, v in {**plain, **changes}.items() if v is not None})
    return folder / "songs.mat"


@pytest.mark.parametrize(("data", "write", "share"), [("digits", mnist, "data.split.valid=0.25"), ("music", music, "")])
def test_files_of_the_user_s_own(cli: Cli, tmp_path: Path, data: str, write: Any, share: str) -> None:
    ended = cli("train", f"data={data}", f"data.path={write(tmp_path)}", *TINY, "task.baselines=[]", *share.split())
    assert (ended.code, ended.err) == (0, "")
    assert status(the_run(cli.cwd))["state"] == "complete"


@pytest.mark.parametrize(
    ("data", "message"),
    [("digits", "must be one folder with MNIST's four files"), ("music", "has no testdata; it needs traindata, ")],
)
def test_a_wrong_file_is_one_message_and_leaves_nothing(cli: Cli, tmp_path: Path, data: str, message: str) -> None:
    ended = cli("train", f"data={data}", f"data.path={music(tmp_path, testdata=None)}", *TINY)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not list(cli.cwd.glob("outputs/*/*"))


def test_the_flow_of_gradients_is_written_and_changes_no_bit(cli: Cli) -> None:
    words = ("data=adding", *MADE, "model=lstm", "model.hidden_sizes=[4,3]", "model.dropout=0.3", "task.baselines=[]",
             "trainer.max_epochs=2", "trainer.batch_size=8")  # fmt: skip
    plain, watched = cli.at("plain"), cli.at("watched")
    assert plain("train", *words).code == 0
    ended = watched("train", *words, "diagnostics=gradient_flow")
    assert ended.code == 0
    run = the_run(watched.cwd)
    assert_same_end(the_run(plain.cwd), run)
    norms = read(run / "diagnostics" / "gradient_flow.csv")
    assert {epoch: values.shape for epoch, values in norms.items()} == dict.fromkeys((0, 1, 2), (2, 6))
    assert all((values > 0).all() for values in norms.values())
    drawn = importlib.util.find_spec("matplotlib") is not None
    assert (run / "diagnostics" / "gradient_flow.png").exists() == drawn
    assert ("seqexp[plot]" in ended.err) != drawn


def test_the_flow_of_gradients_needs_one_direction(cli: Cli) -> None:
    ended = cli("train", "data=adding", *MADE, *TINY, "model.bidirectional=true", "diagnostics=gradient_flow")
    assert ended.code == 2
    assert "diagnostics=gradient_flow needs model.bidirectional=false" in ended.err
