"""`leakboard pull`: fetch releases from the Hub."""

from pathlib import Path

import click

from .output import columns, counted


@click.command()
@click.argument("repository", metavar="REPO")
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--revision", help="A tag (benchmark version), branch or commit.  [default: the newest]"
)
@click.option(
    "--release", "names", multiple=True, metavar="NAME", help="Only this release; repeatable."
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    help="Another address of the Hub, tried where the first fails; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show which files would be fetched, and their sizes.")
def pull(
    repository: str,
    out: Path,
    revision: str | None,
    names: tuple[str, ...],
    mirrors: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Fetch the releases of the Hub's dataset repository REPO to DIR/<release>.

    Every file is checked by its SHA-256. Files that are there and sound are kept: a pull that was
    stopped, or a release that was damaged, is completed by the same command.
    """
    from .. import generate
    from ..schemas.hub import Repository

    source = Repository.at(repository, revision, mirrors)
    if dry_run:
        files = generate.wanted(source, out, names)
        rows = [[file.path, f"{file.facts.bytes:,}"] for file in files]
        total = sum(file.facts.bytes for file in files)
        sum_of = f"{counted(len(files), 'file')} of {source.commit[:12]}"
        click.echo(columns([*rows, [sum_of, f"{total:,}"]]))
        return
    for home in generate.pull(source, out, names):
        click.echo(f"{home}: complete; check it with `leakboard verify {home}`")
