# %% [markdown]
"""
# A new dataset in one file, and a release made of it

The dataset is `discs.py`, which lies beside this file: it says which images there are, who is
pictured, what their labels are, and draws them. Here a network learns to tell small discs from
large ones; what it sends is released, checked, and asked in which corner the disc was.

    python examples/new_dataset.py
"""

# %%
import argparse
from pathlib import Path

from leakboard.evaluate import fit_attack, score
from leakboard.generate import generate, recompute, verify
from leakboard.schemas import Config, Release

OUT = Path("out/discs")

# %% tags=["command-line"]
parser = argparse.ArgumentParser(description="Make a release of a dataset of one's own.")
parser.add_argument("--out", type=Path, default=OUT, help="folder of everything it writes")
OUT = parser.parse_args().out

# %% [markdown]
# A dataset that is not among the built-in ones is named by its object path; its options stand
# beside it. In a file these tables are TOML, and `leakboard generate` reads them.

# %%
recipe = {
    "name": "discs",
    "scale": "smoke",
    "dataset": {"name": "discs:Discs", "task": "disc", "sensitive": "corner", "size": 32}
    | {"images": 1600, "subjects": 320},
    "client": {"split_layer": "layer4"},
    "defense": {"name": "none"},
    "training": {"warmup_epochs": 4, "epochs": 0, "batch_size": 64, "learning_rate": 0.03},
}
generate(Config.parse(recipe, "the recipe"), OUT / "discs")
release = Release.open(OUT / "discs")

# %% [markdown]
# Whether the files are what the manifest promises, and stored images through stored weights give
# the stored activations: nothing found is an empty list.

# %%
print("problems:", [*verify(release.folder), *recompute(release.folder, 20)])
utility = release.utility("test")
print(f"{release.manifest.name}, test split, n = {utility.n} images, 95 % intervals over subjects")
print(f"task accuracy    {utility.value:.3f} ({utility.low:.3f} to {utility.high:.3f})")

# %% [markdown]
# Did anyone ask for the corner? An attack reads it all the same; `majority` answers without
# looking.

# %%
fit_attack(release, "linear_probe", {}).predict("test").write(OUT / "probe.parquet", release)
report = score(release, OUT / "probe.parquet")
for name, scores in (("linear_probe", report.scores), ("majority", report.anchors["majority"])):
    one = scores["top1"]
    print(f"corner, {name:12} {one.value:.3f} ({one.low:.3f} to {one.high:.3f}), higher leaks more")
