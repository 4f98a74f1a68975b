"""Measures of representations, of embeddings whose order is known."""

import numpy as np
import pytest
import torch

from grok.measures import RQI, Messiness
from grok.measures.measure import Snapshot
from grok.measures.representation import parallelograms


def snapshot(embeddings):
    params = {"encoder.weight": torch.as_tensor(embeddings, dtype=torch.float64)}
    return Snapshot(None, params, {}, params, {}, {}, None)


def rqi(embeddings, **settings):
    return RQI(**settings).take(snapshot(embeddings))["rqi"].item()


def test_all_parallelograms_of_ten_digits():
    """i + j = m + n, each pair of pairs once: of 1, 1, 2, 2, ... 5, ... 1 pairs with a sum."""
    i, j, m, n = parallelograms(10)
    assert torch.equal(i + j, m + n)
    per_sum = [min(s, 18 - s) // 2 + 1 for s in range(19)]
    assert len(i) == sum(pairs * (pairs - 1) // 2 for pairs in per_sum) == 70
    assert len({tuple(quadruple) for quadruple in parallelograms(10).T.tolist()}) == 70


def test_rqi_of_known_embeddings():
    line = torch.arange(10.0)[:, None]
    assert rqi(line) == rqi(-3 * line + 7) == rqi(torch.cat([line, -line], 1)) == 1
    assert rqi(torch.randn(10, 5, generator=torch.Generator().manual_seed(0))) == 0
    # one digit out of place spoils the parallelograms that it is a corner of
    line[3] += 0.5
    (corner,) = (parallelograms(10) == 3).any(0)[None]
    assert rqi(line) == pytest.approx(1 - corner.double().mean().item())
    assert rqi(line, tolerance=1.0) == 1


def test_rqi_of_embeddings_that_are_all_the_same():
    assert rqi(torch.ones(10, 1)) == 0


def test_messiness_of_known_embeddings():
    """Of (1 - m) line + m random, both of variance 1, it is about m; exactly at both ends."""

    def messiness(embeddings):
        return Messiness().take(snapshot(embeddings))["messiness"].item()

    line = (torch.arange(10.0) - 4.5)[:, None] / torch.arange(10.0).std(correction=0)
    assert messiness(3 * line + 7) == pytest.approx(0, abs=1e-6)
    assert messiness(torch.cat([line, -line], 1)) == pytest.approx(0, abs=1e-6)
    even = (line**2 - 1) / (line**2 - 1).square().mean().sqrt()  # at right angles to the line
    for m in (0.2, 0.5, 1.0):
        assert messiness((1 - m) * line + m * even) == pytest.approx(m, abs=1e-6)
    random = torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    found = [messiness(0.7 * line + 0.3 * draw[:, None]) for draw in random]
    assert np.mean(found) == pytest.approx(0.3, abs=0.03)
