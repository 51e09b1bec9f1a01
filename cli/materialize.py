"""`leakboard materialize`: rebuild a release from its recipe."""

from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "source",
    required=True,
    help="Your copy of the images: a Hub dataset id, a folder in the Hub's layout, or the official "
    "download.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the release.  [default: <recipe>-materialized]",
)
def materialize(recipe: Path, source: str, out: Path | None) -> None:
    """Rebuild the release of RECIPE from your own copy of its images.

    The terms of some images (CelebA) forbid passing them on, and an activation is nearly the image:
    such a release is published as a recipe, which has all of it but the records. Every image is
    checked by its hash, every activation within the tolerance of the manifest; where this machine
    rounds as the one that made the release, the shards are its shards, byte for byte. A run that
    was stopped continues when the same command is given again.
    """
    from .. import generate

    home = out or recipe.with_name(f"{recipe.name}-materialized")
    made = generate.materialize(recipe, home, source)
    click.echo(
        f"{made.folder}: complete, {made.identical} of {made.shards} shards byte for byte as "
        f"promised; check it with `leakboard verify {made.folder}`"
    )
