"""Ridge regression from the anchored window to every step of the horizon at once: linear, and hard to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqexp.data.panel import Floats, Ints

Design = Callable[[Ints], tuple[Floats, Floats]]
"""Origins (N) to inputs (N, features) and learned targets (N, outputs)."""

MOST_ROWS = 50_000
"""Windows it is fitted on at the most, evenly spread: a linear map of a few hundred inputs needs no more."""
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


def ridge(design: Design, train: Ints, valid: Ints) -> Callable[[Ints], Floats]:
    """Fit on train, with the penalty that does best on valid.

    Args:
        design: Gives inputs and targets of windows.
        train: Origins of training windows.
        valid: Origins of validation windows.

    Returns:
        Origins (N) to learned values (N, outputs).
    """
    from sklearn.linear_model import Ridge

    x, y = design(_some(train))
    x_valid, y_valid = design(_some(valid))
    best, least = None, np.inf
    for penalty in PENALTIES:
        model = Ridge(alpha=penalty, solver="cholesky").fit(x, y)
        error = float(((model.predict(x_valid).reshape(y_valid.shape) - y_valid) ** 2).mean())
        if error < least or best is None:
            best, least = model, error
    chosen = best
    assert chosen is not None
    # sklearn gives (N) where there is one output.
    return lambda origins: np.asarray(chosen.predict(design(origins)[0]), dtype=np.float64).reshape(len(origins), -1)


def logistic(design: Design, train: Ints) -> Callable[[Ints], Floats]:
    """Logistic regression of the same inputs, one for each output; gives log odds.

    Args:
        design: Gives inputs and targets of 0 or 1.
        train: Origins of training windows.

    Returns:
        Origins (N) to log odds (N, outputs).
    """
    from sklearn.linear_model import LogisticRegression

    x, y = design(_some(train))
    models = [
        LogisticRegression(C=0.01, max_iter=1000).fit(x, column) if 0 < column.mean() < 1 else float(column.mean())
        for column in y.T
    ]

    def forecast(origins: Ints) -> Floats:
        inputs = design(origins)[0]
        columns = [
            np.full(len(inputs), 20.0 * (2 * m - 1)) if isinstance(m, float) else m.decision_function(inputs)
            for m in models
        ]
        return np.stack(columns, axis=1)

    return forecast


def _some(origins: Ints) -> Ints:
    return origins[:: max(1, -(-len(origins) // MOST_ROWS))]
