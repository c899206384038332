from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqexp.config.compose import compose, from_run, group_option, hydra_main, validate
from seqexp.config.folder import CONF
from seqexp.config.identity import identity
from seqexp.config.overrides import is_group, parse_assignment, sweep_jobs
from seqexp.errors import ConfigError


def refused(*overrides: str, config_dir: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        compose(overrides, config_dir)
    return list(error.value.problems)


def test_nothing_said_is_what_the_files_say(composed_values: dict[str, Any]) -> None:
    trainer = yaml.safe_load((CONF / "trainer" / "default.yaml").read_text())
    assert composed_values["trainer"] == trainer
    assert composed_values["model"]["name"] == "lstm"
    assert composed_values["name"] == composed_values["data"]["name"] == "stocks"
    assert "hydra" not in composed_values
    assert "experiment" not in composed_values


def test_what_is_said_changes_that_alone(composed_values: dict[str, Any]) -> None:
    composed = compose(["model=gru", "trainer.max_epochs=7", "model.hidden_sizes=[8,4]", "data.tickers=A"])
    assert composed.experiment.model.name == "gru"
    assert composed.experiment.model.hidden_sizes == (8, 4)
    assert composed.experiment.trainer.max_epochs == 7
    assert composed.experiment.data.model_dump()["tickers"] == ("A",)
    assert composed.values["trainer"] == composed_values["trainer"] | {"max_epochs": 7}
    assert composed.values["optimizer"] == composed_values["optimizer"]


def test_a_key_may_be_said_before_the_group_it_belongs_to() -> None:
    """Groups first, then values, in whatever order they were typed."""
    one = compose(["optimizer.momentum=0.5", "model.nonlinearity=relu", "optimizer=sgd", "model=rnn"])
    other = compose(["model=rnn", "optimizer=sgd", "model.nonlinearity=relu", "optimizer.momentum=0.5"])
    assert one.experiment == other.experiment
    assert identity(one.experiment) == identity(other.experiment)


def test_the_last_word_on_a_key_holds() -> None:
    assert compose(["seed=2", "seed=3"]).experiment.seed == 3
    assert compose(["model=gru", "model=rnn"]).experiment.model.name == "rnn"
    assert compose(["debug=fast", "trainer.limit_batches=7"]).experiment.trainer.limit_batches == 7
    assert compose(["tracking=quiet", "tracking.progress=plain"]).experiment.tracking.progress == "plain"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model=lstmm", "model must be one of gru, lstm, rnn, but is 'lstmm'; did you mean 'lstm'?  (command line)"),
        ("optimizer=adm", "optimizer must be one of adagrad, adam, adamw, nt_asgd, rmsprop, sgd, but is 'adm'; did "
                          "you mean 'adam'?  (command line)"),
        ("trainer=fast", "trainer must be one of default, but is 'fast'; did you mean 'default'?  (command line)"),
        ("model=3", "model must name a file, but is 3  (command line)"),
        ("model=null", "model must name a file, but is null  (command line)"),
        ("model.hiden_size=3", "unknown key 'model.hiden_size'; did you mean 'model.hidden_sizes'?  (command line)"),
        ("modle=lstm", "unknown key 'modle'; did you mean 'model'?  (command line)"),
        ("trainer.max_epochs=0", "trainer.max_epochs must be at least 1, but is 0  (command line)"),
        ("seed=4294967296", "seed must be less than 4294967296, but is 4294967296  (command line)"),
        ("seed.x=1", "seed must be a whole number, but is {'x': 1}  (command line)"),
        ("trainer.x.y=1", "unknown key 'trainer.x'  (command line)"),
        ("~seed", "key 'seed' is missing  (configuration)"),
        ("~model.nope", "'~model.nope' cannot be applied: Key not found: 'nope'  (command line)"),
        ("foo", "'foo' must be key=value; quote special characters: 'key=\"a, b\"'  (command line)"),
        ("=3", "unknown key ''  (command line)"),
        ("name=é", "'name=é' cannot be read (at 'é'); quote special characters: 'key=\"a, b\"'  (command line)"),
        ("seed=1,2", "'seed=1,2' names several values: add -m for a job each, or write a list, seed=[...]"),
        ("name=${data.nope}", "name cannot be resolved: Interpolation key 'data.nope' not found"),
        ("data.window=???", "data.window cannot be resolved: Missing mandatory value: window"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_told_with_its_rule_and_what_is_near(override: str, problem: str) -> None:
    if override.startswith("trainer=fast"):
        problem = problem.replace("; did you mean 'default'?", "")  # nothing is near
    assert refused(override) == [problem]


@pytest.mark.parametrize(
    "override",
    ["a=b=c", "a=[1", "a={b", "a='x", "a=)", "..=3", "a b=3", "model.hidden_sizes.x=1", "model.hidden_sizes.9=1",
     "data.columns=[a]", "model@a=lstm", "model/base=recurrent", "hydra/launcher=nope", "hydra.nope=1",
     "name='${'", "name='${nope:1}'", "name='${seed'", "name=${name}", "experiment=[nope]", "~model=gru"],
)  # fmt: skip
def test_whatever_else_is_wrong_is_one_line_that_names_it(override: str) -> None:
    (problem,) = refused(override)
    assert "\n" not in problem
    assert "^" not in problem
    assert override.lstrip("+~").split("=")[0].split("@")[0].split("[")[0].split(".")[0] in problem


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert sorted(refused("optimizer.lr=-1", "foo", "seed=-1", "trainer.foo=1", "model=xyz", "a=b=c",
                          "data.split.valid=2.5", "tracking=nope")) == sorted([
        "'foo' must be key=value; quote special characters: 'key=\"a, b\"'  (command line)",
        "'a=b=c' cannot be read (mismatched input '=' expecting <EOF>); quote special characters: 'key=\"a, b\"'  "
        "(command line)",
        "model must be one of gru, lstm, rnn, but is 'xyz'  (command line)",
        "tracking must be one of console, quiet, but is 'nope'  (command line)",
        "seed must be at least 0, but is -1  (command line)",
        "data.split.valid must be a share between 0 and 1, or a whole number of steps, but is 2.5  (command line)",
        "optimizer.lr must be greater than 0.0, but is -1  (command line)",
        "unknown key 'trainer.foo'  (command line)",
    ])  # fmt: skip


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
keyed = st.builds("{}={}".format, st.sampled_from(["seed", "model", "data.path", "trainer", "+a", "~b", ""]), words)


@settings(deadline=None)
@given(words | keyed)
@example("=\r")
@example("é=http://a b")
def test_no_text_is_a_traceback_when_it_is_read(text: str) -> None:
    for read in (parse_assignment, lambda text: sweep_jobs([text])):
        with suppress(ConfigError):
            read(text)


@settings(deadline=None, max_examples=12)
@given(keyed)
def test_no_text_is_a_traceback_when_it_is_composed(text: str) -> None:
    with suppress(ConfigError):
        assert compose([text]).values


def test_data_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the same file is the same experiment from any working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somewhere")
    composed = compose(["data=table", "data.path=[a.csv,../b/*.csv,'~/c.csv',/d.csv]", "data.test_path=./e.csv"])
    expected = [f"{tmp_path}/a.csv", f"{tmp_path.parent}/b/*.csv", "/somewhere/c.csv", "/d.csv"]
    assert composed.values["data"]["path"] == expected
    assert composed.values["data"]["test_path"] == f"{tmp_path}/e.csv"
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    again = compose(["data=table", "data.path=[../a.csv,../../b/*.csv,'~/c.csv',/d.csv]", "data.test_path=../e.csv"])
    assert identity(again.experiment) == identity(composed.experiment)


def test_paths_of_texts_and_of_vectors_are_made_absolute_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = compose(["data=text", "data.path=a.csv", "data.valid_path=b.csv", "task.embedding.vectors=v.txt"])
    assert text.values["data"]["valid_path"] == f"{tmp_path}/b.csv"
    assert text.values["task"]["embedding"]["vectors"] == f"{tmp_path}/v.txt"
    assert text.experiment.task.embedding.vectors == f"{tmp_path}/v.txt"
    assert compose(["data=language", "data.cache=c"]).experiment.data.cache == f"{tmp_path}/c"
    assert compose(["data=language"]).experiment.data.cache is None


@pytest.mark.parametrize(
    ("said", "saved", "meant"),
    [
        ("'${oc.env:PLACE}/a.csv'", "${oc.env:PLACE}/a.csv", ("/secret/a.csv",)),
        ("['b.csv','${oc.env:PLACE}/a.csv']", None, ("b.csv", "/secret/a.csv")),
        ("'${oc.env:PLACE}/${oc.env:FILE,\"x y.csv\"}'", '${oc.env:PLACE}/${oc.env:FILE,"x y.csv"}',
         ("/secret/x y.csv",)),
        ("'${oc.env:NOT_SET,/other/a.csv}'", "${oc.env:NOT_SET,/other/a.csv}", ("/other/a.csv",)),
        ("'${oc.env:NOT_SET,null}'", "${oc.env:NOT_SET,null}", ()),
    ],
)  # fmt: skip
def test_what_comes_from_the_environment_is_saved_unresolved_and_found_again(
    said: str, saved: str | None, meant: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "/secret")
    for name in ("FILE", "NOT_SET"):
        monkeypatch.delenv(name, raising=False)
    composed = compose([f"data.path={said}"])
    absolute = tuple(os.path.abspath(p) for p in meant)
    assert composed.experiment.data.path == absolute
    assert "secret" not in str(composed.values)
    if saved is not None:
        assert composed.values["data"]["path"] == saved
    assert from_run(composed.values, "config.yaml") == composed.experiment
    monkeypatch.setenv("PLACE", "/moved")
    moved = tuple(p.replace("/secret", "/moved") for p in absolute)
    assert from_run(composed.values, "config.yaml").data.path == moved


def test_a_variable_that_is_not_set_is_named(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    (problem,) = refused("data.path='${oc.env:NOT_SET}'")
    assert problem.startswith("data.path needs the environment variable NOT_SET, which is not set")
    values["data"]["path"] = "${oc.env:NOT_SET}/a.csv"
    with pytest.raises(
        ConfigError, match=r"^the configuration needs the environment variable NOT_SET, which is not set$"
    ):
        from_run(values, "config.yaml")


def test_nothing_but_the_environment_is_interpreted_in_a_saved_configuration(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "/secret")
    for text in ("${seed}", "${oc.env:PLACE}${seed}", "${oc.env:PLACE,${oc.env:HOME}}", "${oc.decode:x}", "$HOME"):
        values["outputs"] = text
        assert from_run(values, "config.yaml").outputs == text


def test_a_run_edited_by_hand_says_what_is_wrong_and_in_which_file(values: dict[str, Any]) -> None:
    assert from_run(values, "x/config.yaml") == validate(values)
    del values["trainer"]["batch_size"]
    values["model"]["hidden_sizes"] = [0]
    values["modle"] = {}
    with pytest.raises(ConfigError) as error:
        from_run(values, "x/config.yaml", said=["model.hidden_sizes"])
    assert error.value.problems == (
        "model.hidden_sizes[0] must be at least 1, but is 0  (command line)",
        "key 'trainer.batch_size' is missing  (x/config.yaml)",
        "unknown key 'modle'; did you mean 'model'?  (x/config.yaml)",
    )


def test_what_is_saved_composes_to_the_same_experiment(tmp_path: Path) -> None:
    composed = compose(["experiment=stacked_lstm", "data.season=5", "model.hidden_sizes=7", "data.tickers=null"])
    saved = yaml.safe_load(yaml.safe_dump(composed.values, sort_keys=False))
    assert from_run(saved, str(tmp_path)) == composed.experiment


@pytest.mark.parametrize("override", ["experiment=mine", "model=small"])
def test_a_folder_of_the_users_own_is_searched_too(mine: Path, override: str) -> None:
    experiment = compose([override], str(mine)).experiment
    assert (experiment.model.name, experiment.model.hidden_sizes) == ("gru", (3,))
    assert experiment.trainer.max_epochs == (7 if override == "experiment=mine" else 30)


def test_our_own_files_come_first_and_both_are_suggested(mine: Path) -> None:
    assert compose(["model=gru"], str(mine)).experiment.model.name == "gru"
    assert refused("model=smal", config_dir=str(mine)) == [
        "model must be one of gru, lstm, rnn, small, but is 'smal'; did you mean 'small'?  (command line)"
    ]
    assert refused("model=small") == ["model must be one of gru, lstm, rnn, but is 'small'  (command line)"]


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_folder_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    place = str(tmp_path / name)
    assert refused("seed=2", config_dir=place) == [f"--config-dir must be a folder, but '{place}' is none"]


@pytest.mark.parametrize(
    "text",
    [b"a: [1\nb: {", b"a: \xff\xfe", b"- a\n- b\n", b"a: b: c", b"defaults: nope", b"defaults:\n  - nope", b"\ta: 1",
     b"defaults:\n  - /model: nope", b"a: 1\na: 2", b"a: !!python/name:os.system x", b"just text", b"a: ${nope:1}"],
)  # fmt: skip
def test_a_broken_file_is_one_message(mine: Path, text: bytes) -> None:
    (mine / "experiment" / "mine.yaml").write_bytes(b"# @package _global_\n" + text)
    (problem,) = refused("experiment=mine", config_dir=str(mine))
    assert "\n" not in problem


def test_broken_yaml_is_told_with_file_and_line(mine: Path) -> None:
    (mine / "experiment" / "mine.yaml").write_text("a: [1\nb: {")
    (problem,) = refused("experiment=mine", config_dir=str(mine))
    assert problem.startswith("a file cannot be read: ")
    assert "mine.yaml" in problem
    assert "line 2" in problem


def test_groups_are_told_from_keys() -> None:
    assert all(is_group(g) for g in ("model", "tracking", "experiment"))
    assert not any(is_group(g) for g in ("seed", "model.hidden_sizes", "nope"))
    assert group_option("tracking", "quiet") == {"progress": "none"}
    with pytest.raises(ConfigError, match="tracking must be one of console, quiet, but is 'loud'"):
        group_option("tracking", "loud")


def test_hydra_shows_what_would_be_composed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hydra_main(["--cfg", "job", "--resolve", "model=gru", "trainer.max_epochs=3"])
    shown = yaml.safe_load(capsys.readouterr().out)
    assert validate(shown) == compose(["model=gru", "trainer.max_epochs=3"]).experiment


def test_hydra_leaves_the_process_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    before, argv = Path.cwd(), list(sys.argv)
    with pytest.raises(ConfigError, match="nope"):
        hydra_main(["--cfg", "job", "model=nope"])
    assert (Path.cwd(), sys.argv) == (before, argv)
    assert "HYDRA_FULL_ERROR" not in os.environ
    assert list(tmp_path.iterdir()) == []


def test_a_kept_choice_of_files_composes_as_a_fresh_one() -> None:
    chosen: dict[tuple[str, ...], Any] = {}
    words = [["model=gru", "seed=1", "+data.columns.date=Day"], ["seed=2", "model=gru"], ["model=gru", "name=x"]]
    assert [compose(w, None, chosen).values for w in words] == [compose(w).values for w in words]
    assert list(chosen) == [("model=gru",)]


def test_a_wrong_choice_is_told_each_time() -> None:
    chosen: dict[tuple[str, ...], Any] = {}
    for _ in range(2):
        with pytest.raises(ConfigError, match="model must be one of"):
            compose(["model=nope"], None, chosen)
    assert chosen == {}
