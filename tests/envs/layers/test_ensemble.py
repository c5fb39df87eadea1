"""Ensembles: members who share weights, each with a loss of its own, and one answer in the end."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.training.steps import steps_an_epoch, train_epoch

MEMBERS, FEATURES = 3, 4
DENSE, ENSEMBLE = Layer.of("dense", width=5, activation="tanh"), Layer.of("ensemble", members=MEMBERS)


def network_of(*layers: Layer, classes: int = 2) -> nn.Sequential:
    return build_network(Architecture("any", layers, complete=True), (FEATURES,), classes)


def examples(n: int = 6) -> Tensor:
    return torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(1))


def member(network: nn.Sequential, number: int, x: Tensor) -> Tensor:
    """The logits of one member of `ENSEMBLE, DENSE`, by hand."""
    scales, classifier = network[0].scale.reshape(MEMBERS, -1), network[-1]
    hidden = network[1](x * scales[number])
    return hidden @ classifier.weight[number].T + classifier.bias.reshape(MEMBERS, -1)[number]


def test_each_member_sees_its_own_scales_and_has_its_own_classifier() -> None:
    network, x = network_of(ENSEMBLE, DENSE), examples()
    with torch.no_grad():
        answers = network.train()(x)
        assert answers.shape == (6, MEMBERS, 2)
        for number in range(MEMBERS):
            torch.testing.assert_close(answers[:, number], member(network, number, x))
    assert set(network[0].scale.tolist()) == {-1.0, 1.0}


def test_the_answer_is_the_mean_probability_or_the_mean_number() -> None:
    for classes in (2, 1):
        network, x = network_of(ENSEMBLE, DENSE, classes=classes), examples()
        with torch.no_grad():
            answers, answer = network.train()(x), network.eval()(x)
        assert answer.shape == (6, classes)
        if classes == 1:
            torch.testing.assert_close(answer, answers.mean(dim=1))
        else:
            torch.testing.assert_close(answer.softmax(dim=1), answers.softmax(dim=2).mean(dim=1))
            torch.testing.assert_close(answer.exp().sum(dim=1), torch.ones(6))


def test_what_comes_before_the_ensemble_is_shared() -> None:
    network = network_of(DENSE, ENSEMBLE)
    assert [tuple(weights.shape) for weights in network.parameters()] == [
        (5, 4),
        (5,),
        (15,),
        (3, 2, 5),
        (6,),
    ]


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_in_training_each_member_has_a_loss_of_its_own(weights: str) -> None:
    network, x, y = network_of(ENSEMBLE, DENSE).train(), examples(8), torch.tensor([0, 0, 1, 0, 0, 0, 1, 0])
    loss = trained(network, x, y, learning_rate=1e-12, class_weights=weights)
    each = torch.tensor([8 / (2 * 6), 8 / (2 * 2)])[y] if weights == "balanced" else torch.ones(8)
    with torch.no_grad():
        losses = [nn.functional.cross_entropy(said, y, reduction="none") for said in network(x).unbind(1)]
    assert loss == pytest.approx(float((each * torch.stack(losses)).mean()), rel=1e-4)


def test_members_learn_a_number_each() -> None:
    network, x, y = network_of(ENSEMBLE, DENSE, classes=1).train(), examples(8), torch.linspace(-1, 1, 8)
    loss = trained(network, x, y, learning_rate=1e-12)
    with torch.no_grad():
        assert loss == pytest.approx(float(((network(x)[:, :, 0] - y[:, None]) ** 2).mean()), rel=1e-4)


def trained(network: nn.Sequential, x: Tensor, y: Tensor, **options: Any) -> float:
    """The mean loss of the batches of an epoch."""
    settings = TrainingSettings(epochs=1, label_smoothing=0.0, **options)
    total = train_epoch(
        network,
        optimizers_of(network, settings),
        x,
        y,
        settings,
        num_classes=2,
        epoch=0,
        shuffle=torch.Generator(),
        change=torch.Generator(),
    )
    return total / steps_an_epoch(len(x), settings)


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_every_optimiser_moves_all_that_members_have_of_their_own(optimizer: str) -> None:
    network = network_of(ENSEMBLE, DENSE)
    kept = [weights.detach().clone() for weights in network.parameters()]
    trained(network, examples(8), torch.tensor([0, 1] * 4), optimizer=optimizer)
    for weights, before in zip(network.parameters(), kept, strict=True):
        assert torch.isfinite(weights).all()
        assert (weights != before).any()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((ENSEMBLE, DENSE, ENSEMBLE), r"ensemble\(members=3\) does not fit the shape \(5,\)"),
        ((Layer.of("ensemble", members=1),), "members must be an integer from 2 to 64, got 1"),
    ],
)
def test_what_is_no_ensemble_is_refused(layers: tuple[Layer, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        costs(Architecture("any", layers, complete=True), (FEATURES,), 2)
