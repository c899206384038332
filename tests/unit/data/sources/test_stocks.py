from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.series import data, write

from seqexp.data.panel import Panel
from seqexp.data.sources import stocks
from seqexp.errors import ConfigError, DataError

LINES = """2024-01-02,10.0,10.5,9.5,10.2,5.1,1000
    2024-01-03,10.2,10.8,10.0,10.6,5.3,1100
    2024-01-04,10.6,10.7,10.1,10.3,5.15,900
    2024-01-05,10.3,11.0,10.2,10.9,5.45,1300
    2024-01-08,10.9,11.2,10.7,11.0,5.5,1200
"""
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"


def bars(tmp_path: Path, header: str = HEADER, lines: str = LINES, name: str = "acme.csv") -> Path:
    return write(tmp_path / name, header + "\n" + lines)


def load(path: Path, **changes: object) -> Panel:
    return stocks.load(data("stocks", **{"path": str(path), "window": 2, "horizon": 1, "features": [], **changes}))


# The data that comes along.


def test_the_s_and_p_500_is_that_of_arch() -> None:
    import arch.data.sp500

    theirs = arch.data.sp500.load()
    panel = stocks.load(data("stocks"))
    assert panel.names == ("sp500",)
    assert str(panel.times[0]).startswith("1999-01-04")
    assert panel.target[0, 0] == pytest.approx(1228.10, abs=0.005)
    assert panel.times.tolist() == theirs.index.to_numpy(dtype="datetime64[ns]").tolist()
    np.testing.assert_allclose(panel.target[:, 0], theirs["Adj Close"], rtol=1e-12)
    assert (panel.frequency, panel.season) == ("B", 5)
    column = panel.observed_names.index("log_return")
    np.testing.assert_allclose(panel.observed[1:, column], np.diff(np.log(theirs["Adj Close"])), atol=1e-7)
    assert panel.known.shape == (len(theirs), 0)


# Columns.


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Adj Close,Volume",
        "date,open,high,low,close,adj_close,volume",
        "timestamp,o,h,l,c,adjusted_close,v",
        "Date,Opening,Max,Min,Last,Adj. Close,Vol.",
        "ds,<OPEN>,<HIGH>,<LOW>,<CLOSE>,AdjClose,<VOL>",
    ],
)
def test_columns_are_found_by_their_usual_spellings(tmp_path: Path, header: str) -> None:
    panel = load(bars(tmp_path, header), features=["range", "volume_change"], adjust=False)
    assert panel.target[:, 0].tolist() == [10.2, 10.6, 10.3, 10.9, 11.0]
    np.testing.assert_allclose(panel.observed[:2, 0], np.log([10.5 / 9.5, 10.8 / 10.0]), rtol=1e-6)
    np.testing.assert_allclose(panel.observed[1, 1], np.log(1101 / 1001), rtol=1e-5)
    assert panel.names == ("acme",)


def test_unusual_columns_are_named(tmp_path: Path) -> None:
    path = bars(tmp_path, "Tag,E1,E2,E3,Schluss,E4,Menge")
    panel = load(path, columns={"date": "tag", "close": "Schluss"})
    assert panel.target[:, 0].tolist() == [10.2, 10.6, 10.3, 10.9, 11.0]
    with pytest.raises(
        DataError, match=r"has no close column among Tag, E1, E2, E3, .*data\.columns=\{close: \.\.\.\}"
    ):
        load(path)
    with pytest.raises(
        ConfigError, match=r"data\.columns may name date, open, .*, but has 'clos'; did you mean 'close'"
    ):
        load(path, columns={"clos": "Schluss"})
    with pytest.raises(DataError, match=r"has no column 'Schlus' \(data\.columns\.close\)"):
        load(path, columns={"close": "Schlus"})


def test_bars_without_dates_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "close,volume\n1,2\n2,3\n3,4")
    with pytest.raises(DataError, match=r"has no column of dates; name it with data\.columns=\{date: \.\.\.\}"):
        load(path)


# Adjusted prices.


def test_days_and_months_are_told_apart_by_a_format(tmp_path: Path) -> None:
    lines = "\n".join(f"0{d}/03/2024,{d}" for d in range(1, 8))
    path = bars(tmp_path, "Date,Close", lines)
    with pytest.raises(DataError, match=r"'01/03/2024', and no row tells .* give data\.date_format="):
        load(path)
    assert str(load(path, date_format="%d/%m/%Y").times[-1])[:10] == "2024-03-07"
    assert str(load(path, date_format="%m/%d/%Y").times[-1])[:10] == "2024-07-03"


def test_the_adjusted_close_adjusts_all_prices_but_no_volume(tmp_path: Path) -> None:
    features = ["range", "overnight", "close_in_range", "volume_change"]
    path = bars(tmp_path)
    adjusted, plain = load(path, features=features), load(path, features=features, adjust=False)
    np.testing.assert_allclose(adjusted.target[:, 0], [5.1, 5.3, 5.15, 5.45, 5.5])
    # the ratio is a half on all days: what is told in ratios stays the same
    np.testing.assert_allclose(adjusted.observed, plain.observed, rtol=1e-5, atol=1e-6)


def test_a_split_is_no_fall_of_the_adjusted_price(tmp_path: Path) -> None:
    lines = "2024-01-02,100,110,90,100,50,1\n2024-01-03,50,55,45,52,52,1\n2024-01-04,52,53,51,52,52,1"
    panel = load(bars(tmp_path, lines=lines), window=1, features=["overnight", "log_return", "range"])
    np.testing.assert_allclose(panel.observed[1], np.log([50 / 50, 52 / 50, 55 / 45]), atol=1e-6)


def test_an_adjusted_close_alone_is_the_close(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Date,Adj Close\n2024-01-02,5\n2024-01-03,6\n2024-01-04,7\n2024-01-05,8")
    for adjust in (True, False):
        assert load(path, adjust=adjust).target[:, 0].tolist() == [5, 6, 7, 8]


# Several tickers.


def interleaved(tmp_path: Path, column: str = "Ticker") -> Path:
    lines = [f"2024-01-0{day},{name},{value + day}" for day in (2, 3, 4, 5) for name, value in (("B", 100), ("A", 10))]
    return write(tmp_path / "many.csv", f"Date,{column},Close\n" + "\n".join(lines))


@pytest.mark.parametrize("column", ["Ticker", "symbol", "Name"])
def test_tickers_of_one_file_are_series(tmp_path: Path, column: str) -> None:
    panel = load(interleaved(tmp_path, column))
    assert panel.names == ("B", "A")
    assert panel.offsets.tolist() == [0, 4, 8]
    assert panel.target[:, 0].tolist() == [102, 103, 104, 105, 12, 13, 14, 15]


def test_a_row_of_a_ticker_is_named_by_its_line(tmp_path: Path) -> None:
    path = interleaved(tmp_path)
    path.write_text(path.read_text().replace("2024-01-04,A,14", "2024-01-04,A,-14"))
    with pytest.raises(
        DataError, match=r"^many\.csv line 7: close of 'A' is -14, but prices must be greater than 0; corr"
    ):
        load(path)


def test_files_of_a_folder_are_series_by_name(tmp_path: Path) -> None:
    for name in ("BBB.csv", "AAA.csv"):
        bars(tmp_path, name=name)
    panel = load(tmp_path)
    assert panel.names == ("AAA", "BBB")
    assert panel.offsets.tolist() == [0, 5, 10]
    assert load(tmp_path, tickers=["BBB"]).names == ("BBB",)
    with pytest.raises(ConfigError, match=r"data\.tickers: there is no 'BB' among AAA, BBB; did you mean 'BBB'"):
        load(tmp_path, tickers=["AAA", "BB"])
    (tmp_path / "AAA.tsv").write_text((tmp_path / "AAA.csv").read_text())
    with pytest.raises(DataError, match="ticker 'AAA' is in two files"):
        load(tmp_path)


def test_features_do_not_reach_from_one_ticker_into_the_next(tmp_path: Path) -> None:
    panel = load(interleaved(tmp_path), features=["log_return"])
    assert np.isnan(panel.observed[[0, 4], 0]).all()
    assert np.isfinite(panel.observed[[1, 2, 3, 5, 6, 7], 0]).all()


def test_only_columns_that_all_tickers_have_are_used(tmp_path: Path) -> None:
    bars(tmp_path, name="a.csv")
    write(tmp_path / "b.csv", "Date,Close\n2024-01-02,5\n2024-01-03,6\n2024-01-04,7\n2024-01-05,8\n2024-01-08,9")
    assert load(tmp_path, features="auto", window=2).observed_names == ("log_return", "volatility_20", "sma_20")
    with pytest.raises(ConfigError, match="'range' needs high, low, but the data has close; leave it out"):
        load(tmp_path, features=["range"])


# Prices that are none.


@pytest.mark.parametrize(("cell", "line", "what"), [("0", 4, "low"), ("-1.5", 4, "low")])
def test_a_price_that_is_not_positive_is_refused_with_its_line(tmp_path: Path, cell: str, line: int, what: str) -> None:
    path = bars(tmp_path, lines=LINES.replace("10.1,10.3", f"{cell},10.3"))
    with pytest.raises(DataError, match=rf"^acme\.csv line {line}: {what} of 'acme' is {cell}, but prices must be gr"):
        load(path, adjust=False)


def test_a_volume_of_nought_is_no_wrong_price(tmp_path: Path) -> None:
    panel = load(bars(tmp_path, lines=LINES.replace(",1100", ",0")), features=["volume_change"])
    assert np.isfinite(panel.observed[1:]).all()


def test_an_empty_price_is_refused_or_mended(tmp_path: Path) -> None:
    path = bars(tmp_path, lines=LINES.replace("10.3,5.15", ","))
    with pytest.raises(DataError, match=r"^acme\.csv line 4: column '(open|close)' is empty"):
        load(path)
    panel = load(path, cleaning={"non_finite": "drop"})
    assert panel.target[:, 0].tolist() == [5.1, 5.3, 5.45, 5.5]
    assert len(panel.notes) >= 1


def test_a_split_adjustment_without_a_close_to_divide_by_is_no_number(tmp_path: Path) -> None:
    path = bars(tmp_path, lines=LINES.replace("10.1,10.3,", "10.1,0,"))
    with pytest.raises(DataError, match=r"^acme\.csv line 4: column 'open' is inf"):
        load(path)


# Forecasts from new data.


def test_rows_to_come_are_business_days_without_a_price(tmp_path: Path) -> None:
    config = data("stocks", path=str(bars(tmp_path)), window=2, features=["log_return"])
    panel = stocks.load(config, ahead=2, frequency="B")
    assert [str(t)[:10] for t in panel.times[-3:]] == ["2024-01-08", "2024-01-09", "2024-01-10"]
    assert np.isnan(panel.target[-2:]).all()
    assert panel.target[4, 0] == 5.5


def test_real_stocks_are_loaded(shared_data: Path) -> None:
    panel = load(shared_data / "stocks", features="auto", window=64)
    assert len(panel.names) == len(list((shared_data / "stocks").glob("*.csv")))
    assert {"AAPL", "MSFT", "XOM"} <= set(panel.names)
    first = panel.offsets[panel.names.index("AAPL")]
    assert str(panel.times[first]).startswith("2012-09-04")
    assert panel.target[first, 0] == pytest.approx(87.121140)
    assert panel.frequency == "B"
