"""`leakboard push`: publish releases on the Hub."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("repository", metavar="REPO")
@click.option(
    "--tag", "version", metavar="VERSION", help="The benchmark version, as a tag of the commit."
)
def push(folder: Path, repository: str, version: str | None) -> None:
    """Push FOLDER to the dataset repository REPO of the Hub.

    FOLDER is a release, a folder of releases of one format, or a truth, which goes to a private
    repository and without its secret. Each release is verified first; nothing is ever replaced. A
    push that was stopped goes on when the same command is given again. Log in with `hf auth login`.
    """
    from ..generate import push as publish

    commit = publish(folder, repository, version)
    at = f"--revision {version or commit}"
    click.echo(
        f"{repository}: commit {commit}; fetch it with `leakboard pull {repository} DIR {at}`"
    )
