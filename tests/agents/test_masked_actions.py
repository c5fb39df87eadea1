"""Masked actions have the distribution that SB3 gives them, with and without a mask, and its gradients."""

import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution

from rl_designer.agents.masked_actions import MaskedActions

DRAWS = np.random.default_rng(0)
LOGITS = torch.from_numpy(DRAWS.normal(0, 5, (40, 7)).astype(np.float32))
TAKEN = torch.from_numpy(DRAWS.integers(7, size=40))
SOME = DRAWS.random((40, 7)) < 0.5
SOME[np.arange(40), TAKEN] = True
ONE = np.eye(7, dtype=bool)[TAKEN]


@pytest.mark.parametrize("masks", [None, SOME, ONE, SOME.ravel()], ids=["none", "some", "one", "flat"])
def test_they_are_those_of_sb3(masks):
    def figures(distribution):
        logits = LOGITS.clone().requires_grad_()
        found = distribution.proba_distribution(logits)
        found.apply_masking(~ONE)  # of which nothing may be left
        found.log_prob(TAKEN)
        found.apply_masking(masks)
        told = [found.log_prob(TAKEN), found.entropy(), found.distribution.probs, found.mode().float()]
        (told[0].sum() + 0.3 * told[1].sum()).backward()
        torch.manual_seed(0)
        return [figure.detach().numpy() for figure in (*told, logits.grad, found.sample().float())]

    for own, theirs in zip(
        figures(MaskedActions(7)), figures(MaskableCategoricalDistribution(7)), strict=True
    ):
        np.testing.assert_allclose(own, theirs, rtol=1e-4, atol=1e-5)
