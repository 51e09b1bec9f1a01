"""`leakboard bench`: how fast a part is beside an alternative, in one run."""

import click

from .output import columns


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(name: str, as_json: bool) -> None:
    """Measure NAME, a file of benchmarks/, against its alternatives.

    A ratio above 1 always means that Leakboard is better. The alternatives need the packages of
    the `dev` extra.
    """
    from ..benchmarks import bench as run

    report = run(name)
    if as_json:
        click.echo(report.model_dump_json())
        return
    head = ["case", "ours", "baseline", "unit", "ratio", "baseline is"]
    rows = [
        [
            name,
            f"{case.ours:.4g}",
            f"{case.baseline:.4g}",
            case.unit,
            f"{case.ratio:.2f}",
            case.baseline_is,
        ]
        for name, case in report.cases.items()
    ]
    click.echo(f"{report.bench} on {report.machine}\n{columns([head, *rows])}")
