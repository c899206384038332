from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import LogisticRegression

from seqexp.models.baselines import ridge as module
from seqexp.models.baselines.ridge import PENALTIES, Design, logistic, ridge

ROWS, FEATURES = 90, 6
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, FEATURES))
Y = X @ GENERATOR.normal(size=(FEATURES, 3)) + 2 + GENERATOR.normal(size=(ROWS, 3))
TRAIN, VALID, TEST = np.arange(40), np.arange(40, 60), np.arange(60, 90)


def design(x: np.ndarray = X, y: np.ndarray = Y) -> Design:
    return lambda origins: (x[origins], y[origins])


def solved(penalty: float, x: np.ndarray = X, y: np.ndarray = Y) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercept by the normal equations: (X'X + penalty I) w = X'y, centered."""
    x, y = x[TRAIN], y[TRAIN]
    centered = x - x.mean(axis=0)
    w = np.linalg.solve(centered.T @ centered + penalty * np.eye(FEATURES), centered.T @ (y - y.mean(axis=0)))
    return w, y.mean(axis=0) - x.mean(axis=0) @ w


def best_on_valid(x: np.ndarray, y: np.ndarray) -> float:
    errors = [((x[VALID] @ w + b - y[VALID]) ** 2).mean() for w, b in (solved(p, x, y) for p in PENALTIES)]
    return PENALTIES[int(np.argmin(errors))]


@pytest.mark.parametrize("noise", [0.0, 1.0, 8.0, 40.0])
def test_it_solves_the_normal_equations_with_the_penalty_that_does_best_on_valid(noise: float) -> None:
    y = Y + noise * np.random.default_rng(1).normal(size=Y.shape)
    w, b = solved(best_on_valid(X, y), X, y)
    np.testing.assert_allclose(ridge(design(y=y), TRAIN, VALID)(TEST), X[TEST] @ w + b, rtol=1e-9, atol=1e-9)


def test_the_noisier_the_data_the_larger_the_penalty() -> None:
    noise = np.random.default_rng(1).normal(size=Y.shape)
    assert best_on_valid(X, Y) < best_on_valid(X, Y + 40 * noise)


def test_test_rows_change_neither_weights_nor_penalty() -> None:
    x, y = X.copy(), Y.copy()
    x[TEST], y[TEST] = 1e6, -1e6
    before, after = ridge(design(), TRAIN, VALID), ridge(design(x, y), TRAIN, VALID)
    np.testing.assert_array_equal(before(VALID), after(VALID))


def test_valid_rows_change_the_penalty_alone() -> None:
    """Whatever valid holds, what is fitted is one of five solutions of train."""
    y = Y.copy()
    y[VALID] = np.random.default_rng(2).normal(size=(len(VALID), 3)) * 100
    said = ridge(design(y=y), TRAIN, VALID)(TEST)
    assert any(np.allclose(said, X[TEST] @ w + b, rtol=1e-9) for w, b in map(solved, PENALTIES))


def test_one_output_has_the_same_shape_as_several() -> None:
    one = ridge(design(y=Y[:, :1]), TRAIN, VALID)(TEST)
    assert one.shape == (len(TEST), 1)
    w, b = solved(best_on_valid(X, Y[:, :1]), y=Y[:, :1])
    np.testing.assert_allclose(one, X[TEST] @ w + b, rtol=1e-9)


def test_columns_that_never_change_are_no_obstacle() -> None:
    x = X.copy()
    x[:, 2] = 5.0
    assert np.isfinite(ridge(design(x), TRAIN, VALID)(TEST)).all()


def test_many_windows_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 15)
    seen: list[list[int]] = []

    def noting(origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(origins.tolist())
        return X[origins], Y[origins]

    ridge(noting, TRAIN, VALID)
    assert seen == [list(range(0, 40, 3)), list(range(40, 60, 2))]


class TestLogistic:
    y = (X @ np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3], [1, 1, 1], [0, 0, 0], [0, 0, 0]]) > 0.3).astype(float)

    def test_each_output_minimises_the_penalised_log_loss(self) -> None:
        said = logistic(design(y=self.y), TRAIN)(TEST)
        x = X[TRAIN]
        for k in range(3):
            signs = 2 * self.y[TRAIN, k] - 1

            def cost(p: np.ndarray, signs: np.ndarray = signs) -> float:
                return p[:-1] @ p[:-1] / 2 + 0.01 * np.logaddexp(0, -signs * (x @ p[:-1] + p[-1])).sum()

            best = optimize.minimize(cost, np.zeros(FEATURES + 1), tol=1e-12).x
            np.testing.assert_allclose(said[:, k], X[TEST] @ best[:-1] + best[-1], atol=1e-3)

    def test_it_is_scikit_learns(self) -> None:
        said = logistic(design(y=self.y), TRAIN)(TEST)
        expected = LogisticRegression(C=0.01, max_iter=1000).fit(X[TRAIN], self.y[TRAIN, 1]).decision_function(X[TEST])
        np.testing.assert_allclose(said[:, 1], expected)

    @pytest.mark.parametrize(("value", "odds"), [(1.0, 20.0), (0.0, -20.0)])
    def test_where_train_went_one_way_only_it_says_so(self, value: float, odds: float) -> None:
        y = self.y.copy()
        y[TRAIN, 0] = value
        said = logistic(design(y=y), TRAIN)(TEST)
        assert (said[:, 0] == odds).all()
        assert len(np.unique(said[:, 1])) > 1
