"""`leakboard cost`: what a defense costs the device."""

from pathlib import Path

import click

from ..schemas import CostReport
from .output import columns


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cost(release: Path, as_json: bool) -> None:
    """Say what the client of RELEASE costs per image, beside its task network.

    Operations, parameters and bytes are those that the release states; times are measured here, one
    image at a time on one thread, and belong to this machine.
    """
    from ..benchmarks import machine
    from ..evaluate.threads import threads
    from ..generate import load_client
    from ..generate.measurements import timing
    from ..schemas import Release

    opened = Release.open(release)
    manifest = opened.manifest
    with threads(1):
        client, task_network = timing(load_client(release), manifest.dataset.image_size)
    report = CostReport(
        release=manifest.name,
        defense=manifest.defense.name,
        cost=opened.measurements.cost,
        client=client,
        task_network=task_network,
        machine=machine(),
    )
    click.echo(report.model_dump_json() if as_json else _table(report))


def _table(report: CostReport) -> str:
    stated = report.cost
    parts = (
        ("client, with its defense", stated.client_flops, report.client),
        ("task network", stated.task_network_flops, report.task_network),
    )
    rows = [["per image", "MFLOPs", "ms (quartiles)"]]
    for name, flops, taken in parts:
        low, middle, high = (
            1e3 * value for value in (taken.lower_quartile, taken.median, taken.upper_quartile)
        )
        rows.append([name, f"{flops / 1e6:.2f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"])
    compressed = stated.compressed_bytes_sent
    sent = "" if compressed is None else f", {compressed:,.0f} compressed"
    return (
        f"{report.release}, defense {report.defense}, on one thread of {report.machine} "
        f"(n = {report.client.n} runs)\n{columns(rows)}\n"
        f"{stated.client_parameters:,} parameters on the device; {stated.bytes_sent:,} bytes sent"
        f"{sent}"
    )
