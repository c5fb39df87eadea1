"""`benchmarks/ram.py`: its planners, and that the formula of `--max-ram` is what they need."""

import pytest

from tests.helpers.scripts import script

ram = script("ram")


def test_planners_put_nothing_where_something_else_is_at_its_time():
    chain = [ram.Buffer(size, time, time + 1) for time, size in enumerate((640, 640, 320, 320, 640))]
    assert ram.most_at_once(chain) == 1280
    beyond = [ram.Buffer(size, time, time + 1) for time, size in enumerate((640, 320, 320, 640))]
    assert (ram.most_at_once(beyond), ram.arena(ram.by_size(beyond)), ram.tried(beyond)) == (960, 1280, 960)
    for one in beyond:
        for other in beyond:
            if one is not other and one.first <= other.last and other.first <= one.last:
                assert one.place + one.size <= other.place or other.place + other.size <= one.place


@pytest.mark.parametrize("name", ["mlp-wide", "convnet1d-wide", "cell1d", "textnet"])
def test_the_formula_is_what_the_graphs_need(name):
    for row in ram.measured(name, 3, 0):
        for numbers in ("float32", "int8"):
            found = row[numbers]
            assert found["at_once"] <= found["tried"] <= found["greedy"]
            assert found["formula"] == pytest.approx(found["at_once"], rel=0.08), row["design"]
