"""What the board says of the metrics is what they are, and of published errors what docs say."""

import re

from leakboard.evaluate.metrics import REGISTRY
from leakboard.leaderboard.method import METRICS, PUBLISHED, known_errors

from ..sources import ROOT


def test_every_metric_is_explained_with_its_range_and_direction() -> None:
    found = {name: REGISTRY.find(name) for name in REGISTRY.names()}
    assert {m.name: (m.track, (m.low, m.high), m.direction) for m in METRICS} == {
        name: (metric.track, metric.range, metric.direction) for name, metric in found.items()
    }


def test_the_known_errors_are_those_of_the_documentation() -> None:
    page = ROOT / "docs" / "published-errors.md"
    assert PUBLISHED.resolve() == page
    found = known_errors()
    assert "DISCO] is Singh et al." in found.about
    headings = set(re.findall(r"^### (.+)$", page.read_text("utf-8"), re.MULTILINE))
    assert headings < set(found.errors)
    for text in (found.about, *found.errors.values()):
        assert text.endswith((".", ")."))
        assert not re.search(r"\]\(|```|tests/", text)
