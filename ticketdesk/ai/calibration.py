"""Weighs votes: a ridge logistic regression that turns several opinions into one probability.

Each voter gives every label a score. The weights say how much a voter is
believed; they are fitted so that the weighted sum, read as log-odds, gives the
probabilities seen on a desk's own tickets, and held near the shipped weights
as long as the desk has shown little.
"""

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

Scores = Sequence[float]
"""One score for each label, higher for the likelier."""

_STEPS_MAX = 8
_STEP_LEAST = 0.02
_STEP_MAX = 1.0
_SLIP = 0.03


class Ballot(NamedTuple):
    """What every voter said of one text, and the label it truly has."""

    votes: Sequence[Scores]
    truth: int


def probabilities(votes: Sequence[Scores], weights: Sequence[float]) -> list[float]:
    """The probability of each label: the softmax of the weighted votes."""
    sums = [
        sum(weight * vote[label] for weight, vote in zip(weights, votes, strict=True)) for label in range(len(votes[0]))
    ]
    top = max(sums)
    odds = [math.exp(value - top) for value in sums]
    total = sum(odds)
    return [value / total for value in odds]


def fit_weights(ballots: Sequence[Ballot], shipped: Sequence[float], firmness: float) -> tuple[float, ...]:
    """The weights that make the truths likeliest, held near ``shipped`` by ``firmness``.

    Newton's method on the penalised log-likelihood, which is concave, so the
    same ballots always end at the same weights.
    """
    weights = list(shipped)
    voters = range(len(shipped))
    for _ in range(_STEPS_MAX if ballots else 0):
        gradient = [firmness * (weights[i] - shipped[i]) for i in voters]
        hessian = [[firmness if i == j else 0.0 for j in voters] for i in voters]
        for votes, truth in ballots:
            shares = probabilities(votes, weights)
            # The chance that this truth is one: people slip, and a slip must not teach distrust of those who saw it.
            honest = shares[truth] / (shares[truth] + _SLIP)
            weighted = [list(map(mul, shares, vote)) for vote in votes]
            means = [sum(scores) for scores in weighted]
            for i in voters:
                gradient[i] += honest * (means[i] - votes[i][truth])
                for j in range(i + 1):
                    hessian[i][j] += honest * (sum(map(mul, weighted[i], votes[j])) - means[i] * means[j])
        for i in voters:
            for j in range(i):
                hessian[j][i] = hessian[i][j]
        steps = _solve(hessian, gradient)
        weights = [weight - max(-_STEP_MAX, min(_STEP_MAX, step)) for weight, step in zip(weights, steps, strict=True)]
        if max(map(abs, steps)) < _STEP_LEAST:
            break
    # A voter that is wrong more often than right is ignored, not inverted.
    return tuple(max(weight, 0.0) for weight in weights)


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination; the penalty on the diagonal keeps the matrix positive definite."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(size):
        for j in range(i + 1, size):
            factor = rows[j][i] / rows[i][i]
            for k in range(i, size + 1):
                rows[j][k] -= factor * rows[i][k]
    solution = [0.0] * size
    for i in reversed(range(size)):
        known = sum(rows[i][k] * solution[k] for k in range(i + 1, size))
        solution[i] = (rows[i][size] - known) / rows[i][i]
    return solution
