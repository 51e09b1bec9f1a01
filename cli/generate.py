"""`leakboard generate`: make a release."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..schemas.manifest import Format

if TYPE_CHECKING:
    from ..generate import Share

FORMATS: dict[str, tuple[Format, ...]] = {
    "parquet": ("parquet",),
    "webdataset": ("webdataset",),
    "both": ("parquet", "webdataset"),
}


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the release, or of the releases.",
)
@click.option(
    "--data",
    "source",
    help="Where the images are: a Hub dataset id, a folder in the Hub's layout, or the official "
    "download; for a folder of configurations also a folder that holds one for each dataset. Not "
    "needed for synthetic faces.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld answers.  [default: <out>-truth]",
)
@click.option(
    "--secret",
    type=click.Path(path_type=Path),
    help="The organiser's secret, made on first use; releases made with one secret share their "
    "splits.  [default: <truth>/secret.key]",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the configuration, e.g. defense.ratio=0.9 or seed=1; repeatable.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Use about this many images.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(FORMATS)),
    default="parquet",
    show_default=True,
    help="WebDataset goes to <out>-wds.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Write the shards on this machine, or as tasks of a Ray cluster.",
)
@click.option("--address", help="The Ray cluster.  [default: one started on this machine]")
@click.option("--rank", type=click.IntRange(min=0), help="The number of this process, from 0.")
@click.option("--world", type=click.IntRange(min=1), help="How many processes work side by side.")
def generate(
    config: Path,
    out: Path,
    source: str | None,
    truth: Path | None,
    secret: Path | None,
    changes: tuple[str, ...],
    limit: int | None,
    kind: str,
    engine: str,
    address: str | None,
    rank: int | None,
    world: int | None,
) -> None:
    """Train the defense of CONFIG and write the activations it releases.

    CONFIG is a TOML file such as configs/cifar10-disco.toml, or a folder of them such as
    configs/million: then each release becomes a folder <out>/<name>-s<seed>, and all share one
    secret. A run that was stopped continues when the same command is given again.

    With --rank and --world this process makes its share only: of one release every N-th shard (rank
    0 first, which trains; when all are done, the command without --rank finishes), of a folder
    every N-th training with its releases. --engine ray shares the shards of one release out itself.
    """
    from .. import generate as generator
    from ..schemas import Config, read_configs

    share = _share(rank, world)
    on_ray = engine == "ray"
    if on_ray and (share or config.is_dir()):
        raise click.UsageError("--engine ray shares one CONFIG.toml out itself; leave out --rank")
    if address and not on_ray:
        raise click.UsageError("--address is that of a Ray cluster; add --engine ray")
    chosen = (
        partial(generator.generate_all, read_configs(config, changes))
        if config.is_dir()
        else partial(generator.generate, Config.read(config, changes))
    )
    make = partial(
        chosen,
        out,
        source=source,
        truth=truth,
        secret=secret,
        limit=limit,
        formats=FORMATS[kind],
    )
    made = generator.on_ray(make, address) if on_ray else make(share=share)
    if share and not config.is_dir():
        click.echo(
            f"rank {rank} of {world}: its shards are written; the command without --rank "
            "finishes when all ranks are done"
        )
    for tree in made:
        click.echo(f"{tree}: complete; check it with `leakboard verify {tree}`")


def _share(rank: int | None, world: int | None) -> "Share | None":
    from ..generate import Share

    if rank is None and world is None:
        return None
    if rank is None or world is None:
        raise click.UsageError("--rank I and --world N go together; give both")
    return Share(rank, world)
