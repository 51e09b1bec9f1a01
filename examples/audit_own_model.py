# %% [markdown]
"""
# What your own network gives away, at three split points

A torchvision network is trained, split after three of its layers, and attacked at each: how much of
a drawn face, and of an attribute that it was not asked for, is in what the device would send? The
network is made by `own_network.py`, which lies beside this file.

    python examples/audit_own_model.py

Two short attacks show how the split matters. The whole audit is every attack and every bound on one
release:

    leakboard attack-suite out/audit/layer1 --minutes 60 --out out/audit/layer1-report
"""

# %%
import argparse
from pathlib import Path

import safetensors.torch
import torch
from own_network import make_net
from torch.nn import functional

from leakboard.evaluate import fit_attack, score
from leakboard.generate import datasets, generate
from leakboard.schemas import Config, Release, Score, ScoreReport, Utility

OUT = Path("out/audit")

# %% tags=["command-line"]
parser = argparse.ArgumentParser(description="Split a network at three layers and attack each.")
parser.add_argument("--out", type=Path, default=OUT, help="folder of everything it writes")
OUT = parser.parse_args().out

# %% [markdown]
# The network, trained on people who are not in the audit (another seed draws other people). It
# gets images (N, 3, S, S) in 0 … 1. Leave this out if yours is trained, and keep its weights as
# safetensors.

# %%
drawn = datasets.create("synthetic", None, 32, {"images": 1200, "identities": 400, "seed": 1})
images = torch.from_numpy(drawn.images(range(1200))).permute(0, 3, 1, 2) / 255
genders = torch.from_numpy(drawn.index.labels["gender"])
torch.manual_seed(0)
network = make_net().train()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
for _epoch in range(4):
    for rows in torch.randperm(len(images)).split(64):
        loss = functional.cross_entropy(network(images[rows]), genders[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
OUT.mkdir(parents=True, exist_ok=True)
safetensors.torch.save_file(network.state_dict(), OUT / "net.safetensors")

# %% [markdown]
# A release for each split point. With no epochs the network is audited as it is; with one secret
# all three show the same people in the same splits.


# %%
def released(split_layer: str) -> Release:
    """What the network sends when the device runs everything up to this layer."""
    recipe = {
        "name": f"own-{split_layer}",
        "scale": "smoke",
        "dataset": {"name": "synthetic", "task": "gender", "sensitive": "race", "size": 32}
        | {"images": 1200, "identities": 400},
        "client": {"network": "own_network:make_net", "split_layer": split_layer}
        | {"weights": str(OUT / "net.safetensors")},
        "defense": {"name": "none"},
        "training": {"warmup_epochs": 0, "epochs": 0},
    }
    generate(Config.parse(recipe, "recipe"), OUT / split_layer, secret=OUT / "secret.key")
    return Release.open(OUT / split_layer)


def attacked(release: Release, name: str, **options: int) -> ScoreReport:
    """Train an attack on `auxiliary`, ask it about `test`, and score what it says."""
    path = OUT / f"{release.manifest.name}-{name}.parquet"
    fit_attack(release, name, options).predict("test").write(path, release)
    return score(release, path)


def shown(number: Score | Utility) -> str:
    """A value and its 95 % interval over subjects."""
    return f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"


# %% [markdown]
# Each line: what is sent, how well the task is done with it, and what two attacks read from it.

# %%
row = "{:12} {:>8} {:24} {:24} {:24}".format
print(row("split", "numbers", "task accuracy", "race, top-1", "image, SSIM"))
for split_layer in ("layer1", "layer2", "layer3"):
    release = released(split_layer)
    channels, height, width = release.manifest.client.activation_shape
    race = attacked(release, "linear_probe")
    image = attacked(release, "decoder", epochs=12)
    found = shown(release.utility("test")), shown(race.headline), shown(image.headline)
    print(row(split_layer, channels * height * width, *found))
blind = shown(race.anchors["majority"]["top1"]), shown(image.anchors["mean_image"]["ssim"])
print(row("a guess", 0, "", *blind))
print(f"test split, n = {race.headline.n} images, 95 % intervals over subjects; higher leaks more")
