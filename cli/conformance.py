"""`leakboard conformance`: somebody's own metric code against our golden vectors."""

from pathlib import Path

import click

from .output import columns


@click.command()
@click.argument("metrics", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def conformance(context: click.Context, metrics: Path, as_json: bool) -> None:
    """Run the functions of METRICS, a Python file, on golden vectors.

    A function named like one of our metrics (psnr, ssim, auc, …) is called with the arguments that
    it names (predicted, truth, probabilities, labels, …) and returns one number. Known mistakes
    are named. Exit code 1 where a function gives another number than expected.
    """
    from ..evaluate.conformance import conformance as check

    report = check(metrics)
    if as_json:
        click.echo(report.model_dump_json())
    else:
        head = ["metric", "", "largest difference", "tolerance", "on"]
        rows = [
            [
                name,
                "passes" if verdict.ok else "FAILS",
                "no number" if verdict.apart is None else f"{verdict.apart:.2g}",
                f"{verdict.tolerance:g}",
                verdict.case,
            ]
            for name, verdict in report.verdicts.items()
        ]
        click.echo(columns([head, *rows]))
        for name, verdict in report.verdicts.items():
            for problem in verdict.problems:
                click.echo(f"{name}: {problem}")
        if report.absent:
            click.echo(f"not in {report.file}: {', '.join(report.absent)}")
    context.exit(0 if report.ok else 1)
