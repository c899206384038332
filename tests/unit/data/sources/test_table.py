from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.series import data, write

from seqexp.data.panel import Panel
from seqexp.data.sources import table
from seqexp.errors import ConfigError, DataError


def load(path: Path | list[Path] | str, *, ahead: int = 0, **changes: object) -> Panel:
    paths = [str(p) for p in path] if isinstance(path, list) else str(path)
    return table.load(data("table", **{"path": paths, "window": 2, "horizon": 1, **changes}), ahead=ahead)


WIDE = """
    day,load,wind,price
    2024-01-04,1,10,5
    2024-01-05,2,20,6
    2024-01-06,3,30,7
    2024-01-07,4,40,8
"""


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    return write(tmp_path / "plant.csv", WIDE)


# Wide.


def test_each_column_of_a_wide_table_is_a_series(wide: Path) -> None:
    panel = load(wide)
    assert panel.names == ("load", "wind", "price")
    assert panel.target_names == ("value",)
    assert panel.offsets.tolist() == [0, 4, 8, 12]
    assert panel.target[:, 0].tolist() == [1, 2, 3, 4, 10, 20, 30, 40, 5, 6, 7, 8]
    assert (panel.frequency, panel.season, panel.notes) == ("D", 7, ())
    assert [str(t)[:10] for t in panel.times[[0, 3, 4]]] == ["2024-01-04", "2024-01-07", "2024-01-04"]


def test_the_columns_of_a_multivariate_table_are_channels(wide: Path) -> None:
    panel = load(wide, multivariate=True)
    assert (panel.names, panel.target_names) == (("plant",), ("load", "wind", "price"))
    assert panel.target.tolist() == [[1, 10, 5], [2, 20, 6], [3, 30, 7], [4, 40, 8]]


def test_columns_have_the_roles_they_are_given(wide: Path) -> None:
    panel = load(wide, target="load", known="PRICE", observed=["wind"], calendar="day_of_week")
    assert (panel.names, panel.target_names) == (("load",), ("load",))
    assert panel.target[:, 0].tolist() == [1, 2, 3, 4]
    assert panel.observed_names == ("wind",)
    assert panel.observed[:, 0].tolist() == [10, 20, 30, 40]
    assert panel.known_names == ("PRICE", "day_of_week_sin", "day_of_week_cos")
    assert panel.known[:, 0].tolist() == [5, 6, 7, 8]
    np.testing.assert_allclose(panel.known[:, 1], np.sin(2 * np.pi * np.arange(3, 7) / 7), atol=1e-6)  # from a Thursday
    assert panel.observed.dtype == panel.known.dtype == np.float32


def test_covariates_go_with_every_series(wide: Path) -> None:
    panel = load(wide, known="price")
    assert panel.names == ("load", "wind")
    assert panel.known[:, 0].tolist() == [5, 6, 7, 8] * 2


def test_a_column_has_one_role(wide: Path) -> None:
    for roles in ({"target": "load", "known": "Load"}, {"known": "wind", "observed": "wind"}, {"target": ["load"] * 2}):
        with pytest.raises(
            ConfigError, match=r"column '(load|wind)' has two roles among data\.target, data\.known and"
        ):
            load(wide, **roles)


def test_a_column_that_is_missing_is_told_its_nearest(wide: Path) -> None:
    with pytest.raises(DataError, match=r"plant\.csv has no column 'lod' \(data\.target\).*; did you mean 'load'"):
        load(wide, target="lod")
    with pytest.raises(DataError, match=r"\(data\.known\)"):
        load(wide, target="load", known="winds")
    with pytest.raises(DataError, match=r"\(data\.time_column\)"):
        load(wide, time_column="date")


def test_a_table_without_a_path_or_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data=table needs data\.path=FILE"):
        table.load(data("table"))
    path = write(tmp_path / "a.csv", "day,name\n2024-01-01,a\n2024-01-02,b\n2024-01-03,b")
    with pytest.raises(DataError, match=r"no column of numbers to forecast among day, name; give data\.target"):
        load(path, layout="wide")


def test_a_table_without_names_or_times_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "rates.txt.gz"
    path.write_bytes(gzip.compress(b"0.5,1.5\n0.6,1.6\n0.7,1.7\n"))
    panel = load(path)
    assert panel.names == ("column1", "column2")
    assert not panel.dated
    assert panel.times.tolist() == [0, 1, 2, 0, 1, 2]
    assert (panel.frequency, panel.season) == (None, 1)
    assert load(path, season=3).season == 3
    assert load(path, multivariate=True).names == ("rates",)
    with pytest.raises(ConfigError, match=r"data\.calendar needs dates, but the data has no column of times; name it"):
        load(path, calendar="month")


def test_a_frequency_may_be_given_or_refused(wide: Path) -> None:
    assert load(wide, frequency="none").frequency is None
    panel = load(wide, frequency="12h")
    assert (panel.frequency, panel.season) == ("12h", 2)
    assert "3 steps of frequency 12h are missing" in panel.notes[0]
    with pytest.raises(ConfigError, match=r"data\.frequency must be auto, none or"):
        load(wide, frequency="often")


def test_parquet_with_dates_in_its_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [4, 5, 6]}, index=pd.date_range("2024-01-01", periods=3, freq="h"))
    frame.to_parquet(tmp_path / "a.parquet")
    panel = load(tmp_path / "a.parquet")
    assert (panel.names, panel.frequency) == (("a", "b"), "h")
    assert panel.target[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert panel.times.dtype == "datetime64[ns]"


def test_a_column_with_a_hole_is_not_left_out_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", WIDE.replace("2,20", "2,?"))
    with pytest.raises(DataError, match=r"^a\.csv line 3: column 'value' is empty \(1 such rows in series 'wind'\)"):
        load(path)
    assert load(path, cleaning={"non_finite": "interpolate"}).target[4:8, 0].tolist() == [10, 20, 30, 40]


# Long.


LONG = """
    day,store,sales,price
    2024-01-01,B,10,1
    2024-01-01,A,1,2
    2024-01-02,A,2,3
    2024-01-02,B,20,4
    2024-01-03,B,30,5
    2024-01-03,A,3,6
"""


def test_a_long_table_has_a_column_of_series(tmp_path: Path) -> None:
    panel = load(write(tmp_path / "a.csv", LONG), known="price")
    assert (panel.names, panel.target_names) == (("B", "A"), ("sales",))
    assert panel.target[:, 0].tolist() == [10, 20, 30, 1, 2, 3]
    assert panel.known[:, 0].tolist() == [1, 4, 5, 2, 3, 6]


def test_rows_of_a_long_table_are_named_by_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace("2024-01-03,A", "2024-01-02,A"))
    with pytest.raises(DataError, match=r"^a\.csv line 7: series 'A' has 2024-01-02 twice"):
        load(path)
    path = write(tmp_path / "a.csv", LONG.replace("A,2,3", "A,,3"))
    with pytest.raises(DataError, match=r"^a\.csv line 4: column 'sales' is empty \(1 such rows in series 'A'\)"):
        load(path)


def test_a_series_column_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace("store", "where"))
    panel = load(path, series_column="Where", target=["sales", "price"])
    assert (panel.names, panel.target_names) == (("B", "A"), ("sales", "price"))
    with pytest.raises(DataError, match=r"has no column of series ids among day, where, .*; give data\.series_column"):
        load(path, layout="long")
    with pytest.raises(DataError, match=r"has no column 'wher' \(data\.series_column\)"):
        load(path, series_column="wher")


def test_a_series_id_must_not_be_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace("2024-01-02,A", "2024-01-02,"))
    with pytest.raises(DataError, match=r"^a\.csv line 4: column 'store' must hold a series id, but is empty"):
        load(path)


def test_series_may_be_numbered(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", LONG.replace(",A,", ",7,").replace(",B,", ",8,"))
    panel = load(path, target="sales")
    assert panel.names == ("8", "7")
    assert panel.target[:, 0].tolist() == [10, 20, 30, 1, 2, 3]


def test_a_column_of_ids_that_differ_on_every_row_tells_no_series_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,date,x\n1,2024-01-01,5\n2,2024-01-02,6\n3,2024-01-03,7")
    assert load(path, target="x").names == ("x",)


def test_a_long_table_without_times_counts_the_rows_of_each_series(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "series,x\na,1\nb,10\na,2\nb,20\na,3\nb,30\nb,40")
    panel = load(path, layout="long")
    assert panel.target[:, 0].tolist() == [1, 2, 3, 10, 20, 30, 40]
    assert panel.times.tolist() == [0, 1, 2, 0, 1, 2, 3]


# One series a row.


ROWS = """
    "V1","V2","V3","V4","V5"
    "H1",1,2,3,NA
    "H2",10,20,30,40
"""


def test_each_row_may_be_a_series(tmp_path: Path) -> None:
    panel = load(write(tmp_path / "a.csv", ROWS), season=24)
    assert (panel.names, panel.target_names) == (("H1", "H2"), ("value",))
    assert panel.offsets.tolist() == [0, 3, 7]
    assert panel.target[:, 0].tolist() == [1, 2, 3, 10, 20, 30, 40]
    assert (panel.frequency, panel.season) == (None, 24)


def test_a_hole_in_a_row_is_named_by_line_and_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS.replace("10,20", "10,NA"))
    with pytest.raises(DataError, match=r"^a\.csv line 3, value 2: column 'value' is empty"):
        load(path)
    path = write(tmp_path / "a.csv", ROWS.replace("1,2,3", "NA,NA,NA"))
    with pytest.raises(DataError, match=r"^a\.csv line 2: series 'H1' has no number at all; remove the row"):
        load(path)


def test_test_files_continue_the_series_by_name(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", ROWS)
    test = write(tmp_path / "test.csv", '"V1","V2","V3","V4"\n"H2",50,60,70\n"H1",4,5,6')
    panel = load(train, test_path=str(test))
    assert panel.target[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60, 70]
    assert panel.times.tolist() == [*range(6), *range(7)]
    write(test, '"V1","V2","V3","V4"\n"H2",50,60,70\n"H1",4,NA,6')
    with pytest.raises(DataError, match=r"^test\.csv line 3, value 2: "):
        load(train, test_path=str(test))
    write(test, '"V1","V2","V3","V4"\n"H2",50,60,70\n"H3",4,5,6')
    with pytest.raises(
        DataError, match=r"data\.test_path must continue the series of data\.path, but lacks series 'H1'"
    ):
        load(train, test_path=str(test))
    write(test, '"V1","V2","V3","V4"\n"H2",50,60,70\n"H1",1,2,3\n"H3",4,5,6')
    with pytest.raises(DataError, match=r"but has series 'H3', which data\.path has not"):
        load(train, test_path=str(test))


def test_test_files_with_dates_and_columns(wide: Path, tmp_path: Path) -> None:
    more = write(tmp_path / "more.csv", "day,load,wind,price\n2024-01-08,5,50,9\n2024-01-09,6,60,9")
    panel = load(wide, test_path=str(more), target="load", known="price")
    assert panel.target[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert panel.known[:, 0].tolist() == [5, 6, 7, 8, 9, 9]
    assert str(panel.times[-1])[:10] == "2024-01-09"
    assert panel.notes == ()
    overlapping = write(tmp_path / "more.csv", "day,load,wind,price\n2024-01-07,5,50,9\n2024-01-09,6,60,9")
    with pytest.raises(DataError, match=r"^more\.csv line 2: series 'load' has 2024-01-07 twice"):
        load(wide, test_path=str(overlapping), target="load", known="price")
    with pytest.raises(DataError, match=r"data\.test_path=.* does not exist"):
        load(wide, test_path=str(tmp_path / "mor.csv"))


# Several files.


def test_series_of_several_files_stand_side_by_side(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", "day,x\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3")
    other = write(tmp_path / "b.csv", "day,y\n2024-01-01,4\n2024-01-02,5\n2024-01-03,6")
    with pytest.raises(DataError, match="all files must have the same columns, but one has x and another y"):
        load([one, other])
    write(other, "day,x\n2024-01-01,4\n2024-01-02,5\n2024-01-03,6")
    with pytest.raises(DataError, match="series 'x' appears twice"):
        load([one, other])


def test_the_same_series_in_a_row_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS.replace("H2", "H1"))
    with pytest.raises(DataError, match="series 'H1' appears twice"):
        load(path, layout="rows")


# New data.


def test_the_known_future_of_new_data_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", WIDE + "2024-01-08,,,9\n2024-01-09,,,10")
    panel = load(path, ahead=2, target="load", known="price", calendar="weekend")
    np.testing.assert_array_equal(panel.target[:, 0], [1, 2, 3, 4, np.nan, np.nan])
    assert panel.known.tolist() == [[5, 0], [6, 0], [7, 1], [8, 1], [9, 0], [10, 0]]
    with pytest.raises(DataError, match="series 'load' needs price for the 3 steps to come, but has 2 such rows"):
        load(path, ahead=3, target="load", known="price")


# Real data.


def test_m4_hourly(shared_data: Path) -> None:
    folder = shared_data / "series"
    path, more = folder / "Hourly-train.csv", folder / "Hourly-test.csv"
    panel = load(path, season=24, cleaning={"short": "drop"})
    assert len(panel.names) == 414
    assert panel.names[:2] == ("H1", "H2")
    assert int(panel.lengths[0]) == 700
    assert panel.season == 24
    assert panel.target[0, 0] == 605
    both = load(path, test_path=str(more), season=24)
    assert (both.lengths - panel.lengths == 48).all()
    assert both.target[700, 0] == 619


def test_etth1(shared_data: Path) -> None:
    panel = load(shared_data / "series" / "ETTh1.csv", target="OT", observed=["HUFL", "HULL"])
    assert len(panel.target) == 17_420
    assert (panel.frequency, panel.season, panel.notes) == ("h", 24, ())
    assert panel.target[0, 0] == pytest.approx(30.5310001373291)
    assert panel.observed[-1, 0] == pytest.approx(10.11400032)


def test_exchange_rates(shared_data: Path) -> None:
    panel = load(shared_data / "series" / "exchange_rate.txt.gz", multivariate=True)
    assert panel.target.shape == (7588, 8)
    assert panel.target[0, :2].tolist() == [0.7855, 1.611]
    assert not panel.dated


def test_air_passengers(shared_data: Path) -> None:
    panel = load(shared_data / "series" / "AirPassengers.csv")
    assert panel.names == ("#Passengers",)
    assert len(panel.target) == 144
    assert (panel.frequency, panel.season) == ("MS", 12)
    assert (panel.target[0, 0], panel.target[-1, 0]) == (112, 432)
