"""What the board says of the metrics is what they are."""

from leakboard.evaluate.metrics import REGISTRY
from leakboard.leaderboard.method import METRICS


def test_every_metric_is_explained_with_its_range_and_direction() -> None:
    found = {name: REGISTRY.find(name) for name in REGISTRY.names()}
    assert {m.name: (m.track, (m.low, m.high), m.direction) for m in METRICS} == {
        name: (metric.track, metric.range, metric.direction) for name, metric in found.items()
    }
