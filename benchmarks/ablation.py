"""What each part of `ppo` is for: the search without it, on published tables.

    python benchmarks/ablation.py

As `sample_efficiency.py`, whose options it takes; the first line is the whole agent.
"""

import click
from sample_efficiency import main as compare

PARTS = {
    "ppo": "the whole",
    "ppo-model-free": "no model: PPO on real evaluations alone",
    "ppo:updates=0": "no policy updates: samples of an untrained policy, ranked by the model",
    "ppo:mutations=0": "no mutations of the best designs beside the policy's samples",
    "ppo:structure=false": "no structure: the model compares designs step by step",
    "ppo:entropy=0": "no diversity during the search: no entropy bonus",
    "ppo:final_quantile=1,final_share=0": "no diversity at the end: the policy is paid for the best alone",
}


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(options: tuple[str, ...]) -> None:
    """Compares the agents above; OPTIONS are those of sample_efficiency.py."""
    for agent, what in PARTS.items():
        click.echo(f"{agent}: {what}", err=True)
    compare([*PARTS, *options])


if __name__ == "__main__":
    main()
