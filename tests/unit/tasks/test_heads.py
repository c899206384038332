from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from support.sections import forecasting

from seqexp.tasks.heads import Head, build_head

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
HEADS = ("point", "quantile", "gaussian", "student_t")


def head(kind: str, *, binary: bool = False, **changes: Any) -> Head:
    return build_head(forecasting(head=kind, **changes), LEVELS, binary=binary)


def parameters(count: int, seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).normal(size=(4, 3, 2, count))


@pytest.mark.parametrize(("kind", "count"), [("point", 1), ("quantile", 5), ("gaussian", 2), ("student_t", 3)])
def test_a_head_has_its_number_of_parameters_and_gives_point_and_quantiles(kind: str, count: int) -> None:
    made = head(kind)
    assert made.parameters == count
    said = parameters(count)
    assert made.point(said).shape == (4, 3, 2)
    assert made.loss(torch.from_numpy(said), torch.zeros(4, 3, 2)).shape == ()
    if made.quantiles is None:
        assert kind == "point"
    else:
        assert made.quantiles(said).shape == (4, 3, 2, 5)


@settings(deadline=None, max_examples=50)
@given(data=st.data())
@pytest.mark.parametrize("kind", HEADS[1:])
def test_quantiles_never_cross_and_the_point_lies_between_them(kind: str, data: st.DataObject) -> None:
    made = head(kind)
    said = np.array(data.draw(st.lists(st.floats(-30, 30), min_size=made.parameters, max_size=made.parameters)))
    assert made.quantiles is not None
    quantiles = made.quantiles(said.reshape(1, 1, 1, -1))[0, 0, 0]
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles) >= 0).all()
    assert made.point(said.reshape(1, 1, 1, -1)).item() == pytest.approx(quantiles[2], abs=1e-9)  # the median


def test_quantiles_that_cross_are_put_in_order() -> None:
    made = head("quantile")
    said = np.array([[[[3.0, 1.0, 2.0, 5.0, 4.0]]]])
    assert made.quantiles is not None
    assert made.quantiles(said).ravel().tolist() == [1, 2, 3, 4, 5]
    assert made.point(said).item() == 3


def test_gaussian_quantiles_are_scipys() -> None:
    made, said = head("gaussian"), parameters(2)
    expected = stats.norm.ppf(LEVELS, said[..., :1], np.log1p(np.exp(said[..., 1:])) + 1e-4)
    assert made.quantiles is not None
    np.testing.assert_allclose(made.quantiles(said), expected, rtol=1e-10)
    np.testing.assert_array_equal(made.point(said), said[..., 0])


def test_student_t_quantiles_are_scipys() -> None:
    made, said = head("student_t"), parameters(3)
    mean, raw, freedom = (said[..., i : i + 1] for i in range(3))
    expected = stats.t.ppf(LEVELS, 2 + np.log1p(np.exp(freedom)), mean, np.log1p(np.exp(raw)) + 1e-4)
    assert made.quantiles is not None
    np.testing.assert_allclose(made.quantiles(said), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("mse", (0.25 + 9) / 2), ("mae", 1.75), ("huber", (0.125 + 2 * (3 - 1)) / 2)],
)
def test_the_point_head_takes_the_loss_it_is_told(loss: str, expected: float) -> None:
    made = head("point", loss=loss, huber_delta=2.0)
    said, came = torch.tensor([[[[1.0]], [[5.0]]]]), torch.tensor([[[1.5], [2.0]]])
    assert made.loss(said, came).item() == pytest.approx(expected)


def test_the_quantile_head_learns_by_pinball_over_all_its_levels() -> None:
    said, came = parameters(5), parameters(1, seed=1)[..., 0]
    expected = np.mean(
        [metrics.mean_pinball_loss(came.ravel(), said[..., i].ravel(), alpha=q) for i, q in enumerate(LEVELS)]
    )
    assert head("quantile").loss(torch.from_numpy(said), torch.from_numpy(came)).item() == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize("kind", HEADS)
def test_a_yes_or_no_gets_one_probability_whatever_was_asked(kind: str) -> None:
    made = head(kind, binary=True)
    assert (made.parameters, made.quantiles) == (1, None)
    logits = np.array([-1e6, -2.0, 0.0, 2.0, 1e6])
    expected = [0.0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2)), 1.0]
    np.testing.assert_allclose(made.point(logits[:, None]), expected, atol=1e-12)
    loss = made.loss(torch.tensor([[[[2.0]]]]), torch.tensor([[[1.0]]])).item()
    assert loss == pytest.approx(-np.log(expected[3]), rel=1e-6)
