"""`leakboard verify`: check a release."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from .output import counted


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.option(
    "--recompute",
    "count",
    type=click.IntRange(min=1),
    help="Also recompute this many activations from the stored inputs and weights.",
)
@click.option(
    "--secret",
    type=click.Path(path_type=Path),
    help="The organiser's secret, needed to recompute a randomized defense.  "
    "[default: <release>-truth/secret.key]",
)
@click.option(
    "--commitments",
    is_flag=True,
    help="Also prove that no withheld record differs from what the release committed to.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld answers.  [default: <release>-truth]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(
    context: click.Context,
    release: Path,
    count: int | None,
    secret: Path | None,
    commitments: bool,
    truth: Path | None,
    as_json: bool,
) -> None:
    """Check the checksums, schema, values, counts, splits, fingerprint and leaks of RELEASE.

    Leaks: nothing that names, orders, counts or sizes the records may depend on their labels, nor
    an image lie, but for details, in two splits. With the truth beside RELEASE that is checked of
    the test split too, and --commitments names each withheld record that was changed since it was
    released. Exit code 1 where something is wrong, with every problem and its file.
    """
    from .. import generate

    problems = generate.verify(release, truth)
    if commitments:
        problems += generate.verify_commitments(release, truth, secret)
    if count and not problems:
        problems = generate.recompute(release, count, secret)
    if as_json:
        found = [asdict(problem) for problem in problems]
        click.echo(json.dumps({"ok": not found, "problems": found}))
    else:
        for problem in problems:
            click.echo(f"{problem.file}: {problem.problem}")
        recomputed = f", {counted(count, 'activation')} recomputed" if count else ""
        proved = ", its hidden records are those that it committed to" if commitments else ""
        sound = f"{release}: sound{recomputed}{proved}"
        click.echo(counted(len(problems), "problem") if problems else sound)
    context.exit(1 if problems else 0)
