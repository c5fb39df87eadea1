"""An agent of a comparison and what it starts with."""

from rl_designer.comparisons.contender import Contender


def test_it_names_an_agent_its_options_the_runs_and_the_experience_that_it_starts_with() -> None:
    assert Contender.of("ppo") == Contender("ppo", (), "none")
    assert Contender.of("ppo:batch=8") == Contender("ppo:batch=8")
    assert Contender.of("ppo:from=a") == Contender("ppo", ("a",))
    assert Contender.of("ppo:from=a/{seed},batch=8,from=b=c", 3) == Contender("ppo:batch=8", ("a/3", "b=c"))
    assert Contender.of("ppo:experience=shipped,from=a") == Contender("ppo", ("a",), "shipped")
    assert Contender.of("optuna:GPSampler") == Contender("optuna:GPSampler")
