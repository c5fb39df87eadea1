"""What a network costs: all that goes by a cost's name is declared here, a line each."""

from dataclasses import dataclass
from typing import Literal

Cost = Literal["parameters", "macs", "latency", "ram", "flash"]


@dataclass(frozen=True)
class CostFacts:
    """What is the same for a cost everywhere.

    Attributes:
        field: of an `Evaluation`.
        unit: for people.
        least: what counts at least, so that there is a logarithm.
        in_closed_form: whether it follows from the design alone, so that a `SearchSpace.costs` that has it is
            as good as an evaluation. A latency is measured, also where a table knows what was measured.
    """

    field: str
    unit: str
    least: float = 1.0
    in_closed_form: bool = True


COST_FACTS: dict[Cost, CostFacts] = {
    "parameters": CostFacts("parameters", "parameters"),
    "macs": CostFacts("macs", "multiply-adds"),
    "latency": CostFacts("latency_seconds", "s", least=1e-9, in_closed_form=False),
    "ram": CostFacts("ram", "bytes of RAM"),
    "flash": CostFacts("flash", "bytes of flash"),
}
COSTS: tuple[Cost, ...] = tuple(COST_FACTS)
FIELDS: dict[Cost, str] = {cost: facts.field for cost, facts in COST_FACTS.items()}
