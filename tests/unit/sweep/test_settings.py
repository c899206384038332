from __future__ import annotations

import pytest

from seqexp.errors import ConfigError
from seqexp.sweep.settings import settings_of, split


def test_what_is_of_the_sweep_is_told_from_what_is_of_its_jobs() -> None:
    words = ["seed=1,2", "sweep.workers=2", "hydra/launcher=local", "+sweep.zip=[[a]]", "name=sweep.x", "sweeper=1"]
    assert split(words) == (
        ["sweep.workers=2", "hydra/launcher=local", "+sweep.zip=[[a]]"], ["seed=1,2", "name=sweep.x", "sweeper=1"],
    )  # fmt: skip


def test_where_nothing_is_said_the_file_decides() -> None:
    sweep, launcher = settings_of([])
    assert (sweep.zip, sweep.fail_fast, sweep.workers, sweep.retries, launcher) == ((), False, None, 2, "basic")


def test_what_is_said_last_holds() -> None:
    sweep, launcher = settings_of(
        ["sweep.retries=5", "hydra/launcher=basic", "hydra/launcher=local", "sweep.retries=0"]
    )
    assert (sweep.retries, launcher) == (0, "local")
    assert settings_of([], "local")[1] == "local"


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        settings_of(["sweep.worker=2", "hydra/launcher=locale", "sweep.retries=-1", "sweep.zip=model", "sweep.workers"])
    assert error.value.problems == (
        "unknown key 'sweep.worker'; did you mean 'workers'?; the keys are sweep.zip, sweep.fail_fast, sweep.workers, "
        "sweep.retries",
        "'sweep.workers' must be key=value; quote special characters: 'key=\"a, b\"'  (command line)",
        "hydra/launcher must be one of basic, local, but is 'locale'; did you mean 'local'?",
        "sweep.zip must be a list such as [1, 2], but is 'model'  (command line)",
        "sweep.retries must be at least 0, but is -1  (command line)",
    )
