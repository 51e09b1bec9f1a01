# %% [markdown]
"""
# A decoder attack, from a release to a scored submission

A network in plain PyTorch learns to turn activations back into the images. Of Leakboard it needs
the reader, the prediction file and the score. The images are drawn, so it needs no data.

    python examples/decoder_attack.py

A board's organiser gives you a token, and then what it writes is submitted as it is:

    leakboard submit out/decoder-attack/faces out/decoder-attack/test.parquet --board board
"""

# %%
import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from leakboard.evaluate import open_release, score
from leakboard.generate import generate
from leakboard.schemas import Config, PredictionHeader, Predictions, Release, Setting, Track

OUT = Path("out/decoder-attack")

# %% tags=["command-line"]
parser = argparse.ArgumentParser(description="Rebuild images from activations, and score them.")
parser.add_argument("--out", type=Path, default=OUT, help="folder of everything it writes")
OUT = parser.parse_args().out

# %% [markdown]
# The release to attack: what a ResNet-18 sends after its first block. Any other release will do.

# %%
recipe = {
    "name": "faces",
    "scale": "smoke",
    "dataset": {"name": "synthetic", "task": "gender", "sensitive": "race", "size": 32}
    | {"images": 1200, "identities": 400},
    "defense": {"name": "none"},
    "training": {"warmup_epochs": 1, "epochs": 0, "batch_size": 64},
}
if not (OUT / "faces").exists():
    generate(Config.parse(recipe, "the recipe"), OUT / "faces")
release = Release.open(OUT / "faces")
channels, side, _ = release.manifest.client.activation_shape
size = release.manifest.dataset.image_size


def read(split: str, *columns: str) -> dict[str, Any]:
    """All records of a split: tensors, ids as lists."""
    reader = open_release(release.folder, split, columns)
    return reader[range(len(reader))]


# %% [markdown]
# What the attacker may learn from: pairs of an activation (N, C, H, W) and its image (N, 3, S,
# S).

# %%
pairs = read("auxiliary", "activation", "input")
activations, images = pairs["activation"].float(), pairs["input"] / 255
mean = activations.mean(dim=(0, 2, 3), keepdim=True)
std = activations.std(dim=(0, 2, 3), keepdim=True) + 1e-6

torch.manual_seed(0)
scale = size // side
network = nn.Sequential(
    *(nn.Conv2d(channels, 96, 3, padding=1), nn.ReLU()),
    *(nn.Conv2d(96, 96, 3, padding=1), nn.ReLU()),
    *(nn.Conv2d(96, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale), nn.Sigmoid()),
)
optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
for _epoch in range(20):
    for rows in torch.randperm(len(activations)).split(32):
        rebuilt = network((activations[rows] - mean) / std)
        loss = functional.l1_loss(rebuilt, images[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% [markdown]
# One answer for each image, in a file that says which release was attacked and what the attacker
# knew.

# %%
for split in ("validation", "test"):
    asked = read(split, "sample_id", "query", "activation")
    first = asked["query"] == 0  # an image may have been sent several times
    with torch.no_grad():
        rebuilt = network((asked["activation"][first].float() - mean) / std)
    header = PredictionHeader(
        fingerprint=release.manifest.fingerprint,
        split=split,
        track=Track.RECONSTRUCTION,
        attack="my-decoder",
        setting=Setting.AUXILIARY,
        auxiliary_records=len(activations),
        leakboard_version=version("leakboard"),
    )
    ids = [name for name, kept in zip(asked["sample_id"], first, strict=True) if kept]
    values = (rebuilt * 255).round().byte().permute(0, 2, 3, 1).numpy()
    Predictions(header, ids, values).write(OUT / f"{split}.parquet", release)

# %% [markdown]
# What the organiser of a board will see, to the last bit, beside a guess that never saw an
# activation.

# %%
report = score(release, OUT / "test.parquet")
print(f"{report.release}, {report.split}, n = {report.headline.n} images, 95 % intervals")
for name, scored in (("my-decoder", report.scores), *report.anchors.items()):
    for metric in ("ssim", "psnr"):
        if metric in scored:
            one = scored[metric]
            print(f"{name:15} {metric} {one.value:6.3f} ({one.low:.3f} to {one.high:.3f})")

# %% [markdown]
# A submission declares who made it and how; these lines lie beside the file.

# %%
(OUT / "test.toml").write_text(
    f"""name = "my decoder"
authors = ["Ada Example"]
track = "reconstruction"
setting = "auxiliary"
auxiliary_records = {len(activations)}
compute = "a minute on one core"
seeds = [0]
licence = "CC-BY-4.0"
"""
)
