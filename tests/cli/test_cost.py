"""`leakboard cost`: what the release states, and times that belong to this machine."""

import pytest

from leakboard.schemas import CostReport

from ..tiny import MakeRelease
from .conftest import Run


def test_cost_is_that_of_the_release_with_times_beside_it(
    run: Run, release_of: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leakboard.generate.measurements.TIMED", 4)
    release = release_of("disco")
    report = CostReport.model_validate_json(run("cost", release.folder, "--json").out)
    assert report.cost == release.measurements.cost
    assert 0 < report.client.lower_quartile <= report.client.median <= report.client.upper_quartile
    undefended = release_of("none").measurements.cost
    assert report.cost.client_flops > undefended.client_flops  # the filter generator is counted
    assert report.cost.task_network_flops == undefended.task_network_flops
    printed = run("cost", release.folder).out
    assert f"{report.cost.client_flops / 1e6:.2f}" in printed
