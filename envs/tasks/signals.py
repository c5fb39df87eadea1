"""Families of signals, float64 [n, channels, length]: told apart by form, order, distance or rhythm."""

import math
from itertools import islice, permutations

import numpy as np

from rl_designer.envs.tasks.plan import Made, Plan, Values, place

_BURN_IN = 64  # steps until an autoregression has forgotten how it began


def motifs(plan: Plan) -> Made:
    """A short form of each class's own, anywhere."""
    y, width = plan.labels(), plan.size // 4
    x = np.zeros((plan.examples, plan.channels, plan.size))
    place(x, 2 * plan.motifs(plan.classes, width)[y], plan.starts(1, width)[:, 0])
    return plan.noisy(x), y


def repeats(plan: Plan) -> Made:
    """How often a form comes up, either way up."""
    y, width = plan.labels(), plan.size // (plan.classes + 2)
    x = np.zeros((plan.examples, plan.channels, plan.size))
    form, starts = 2 * plan.motifs(1, width), plan.starts(plan.classes, width)
    there = plan.draws.random(starts.shape).argsort(axis=1) <= y[:, None]
    strengths = there * plan.uniform(0.7, 1.3, plan.classes) * plan.draws.choice([-1, 1], starts.shape)
    for piece in range(plan.classes):
        place(x, form * strengths[:, piece, None, None], starts[:, piece])
    return plan.noisy(x), y


def orders(plan: Plan) -> Made:
    """In which order the same few forms come, anywhere."""
    y = plan.labels()
    count = next(k for k in range(2, plan.classes + 2) if math.factorial(k) >= plan.classes)
    width = plan.size // (3 * count)
    order = np.array(list(islice(permutations(range(count)), plan.classes)))[y]
    x = np.zeros((plan.examples, plan.channels, plan.size))
    forms, starts = 2 * plan.motifs(count, width), plan.starts(count, width)
    for piece in range(count):
        place(x, forms[order[:, piece]], starts[:, piece])
    return plan.noisy(x), y


def gaps(plan: Plan) -> Made:
    """How far apart two equal forms are, anywhere."""
    y, width = plan.labels(), max(plan.size // 10, 3)
    gap = np.linspace(width, 0.7 * plan.size - width, plan.classes).astype(np.int64)[y]
    first = (plan.uniform(0, 1) * (plan.size - width - gap)).astype(np.int64)
    x = np.zeros((plan.examples, plan.channels, plan.size))
    form = np.repeat(2 * plan.motifs(1, width), plan.examples, axis=0)
    place(x, form, first)
    place(x, form, first + gap)
    return plan.noisy(x), y


def trends(plan: Plan) -> Made:
    """The course over the whole length, under a random walk."""
    y = plan.labels()
    knots = np.linspace(0, 1, 5)
    courses = plan.concepts.normal(size=(plan.classes, len(knots))).cumsum(axis=1)
    at = np.linspace(0, 1, plan.size)
    forms = np.array([np.interp(at, knots, course) for course in courses])
    forms = (forms - forms.mean(axis=1, keepdims=True)) / forms.std(axis=1, keepdims=True)
    steps = plan.draws.normal(size=(plan.examples, plan.size)).cumsum(axis=1)
    x = forms[y] * plan.uniform(0.5, 1.5, 1) + plan.noise * steps * np.sqrt(2 / plan.size)
    return plan.in_channels(x + plan.uniform(-1, 1, 1)), y


def frequencies(plan: Plan) -> Made:
    """How fast a wave is, whatever its phase."""
    y = plan.labels()
    cycles = np.geomspace(2, plan.size / 5, plan.classes)[y] * plan.uniform(0.97, 1.03)
    return plan.in_channels(_waves(plan, cycles, plan.uniform(0, 1))), y


def phases(plan: Plan) -> Made:
    """How far each channel's wave is behind the one before."""
    y = plan.labels()
    cycles, begin = plan.uniform(2, plan.size / 6), plan.uniform(0, 1)
    waves = [_waves(plan, cycles, begin - channel * y / plan.classes) for channel in range(plan.channels)]
    return plan.noisy(np.stack(waves, axis=1)), y


def autoregressions(plan: Plan) -> Made:
    """How each value follows from the two before."""
    y, pairs = plan.labels(), -(-plan.classes // 2)
    angle = np.pi * (1 + np.arange(plan.classes) // 2) / (pairs + 1)
    radius = np.where(np.arange(plan.classes) % 2, 0.95, 0.7)
    first, second = (2 * radius * np.cos(angle))[y], (-(radius**2))[y]
    values = plan.draws.normal(size=(plan.examples, _BURN_IN + plan.size))
    for t in range(2, values.shape[1]):
        values[:, t] += first * values[:, t - 1] + second * values[:, t - 2]
    x = values[:, _BURN_IN:]
    return plan.in_channels(x / x.std(axis=1, keepdims=True)), y


def _waves(plan: Plan, cycles: Values, begin: Values) -> Values:
    """Waves of so many cycles in the whole length and begun after such a share of one, [n, length]."""
    at = np.arange(plan.size) / plan.size
    return np.sqrt(2) * np.sin(2 * np.pi * (cycles[:, None] * at + begin[:, None]))
