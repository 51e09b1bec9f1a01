"""The data card of a release: numbers filled in from the manifest and the measurements."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from inspect import getdoc
from string import Template

from ...schemas import Manifest, Measurements, Utility
from ...schemas.records import PUBLIC_SPLITS
from ...schemas.shards import SUFFIX
from ..datasets import REGISTRY

Balance = Mapping[str, Sequence[float]]  # attribute → the share of each class
CARDS = f"{__package__.partition('.')[0]}.data_cards"


def card(manifest: Manifest, measured: Measurements, balance: Balance) -> str:
    """Fill in the card: YAML front matter that `load_dataset` understands, then the text."""
    template = Template((files(CARDS) / "release.md").read_text("utf-8"))
    values = _values(manifest, measured) | {"balance": _balance(manifest, balance)}
    return _front_matter(manifest) + template.substitute(values)


def _front_matter(manifest: Manifest) -> str:
    """YAML; the description has the fingerprint because `datasets` finds a local folder in its
    cache by the folder's name and this text alone, whatever the shards hold.
    """
    suffix = SUFFIX[manifest.format]
    paths = "\n".join(
        f'  - split: {split}\n    path: "data/{split}-*.{suffix}"' for split in PUBLIC_SPLITS
    )
    return f"""---
pretty_name: "Leakboard {manifest.name}, seed {manifest.seed}"
license: other
license_name: {json.dumps(manifest.dataset.licence.name)}
tags: [privacy, split-inference, leakboard]
configs:
- config_name: {manifest.name}
  default: true
  description: "fingerprint {manifest.fingerprint}"
  data_files:
{paths}
---

"""


def _values(manifest: Manifest, measured: Measurements) -> dict[str, object]:
    client, cost, licence = manifest.client, measured.cost, manifest.dataset.licence
    proxy = measured.proxy_leakage
    return {
        "title": f"{manifest.name}, seed {manifest.seed}",
        "leakboard_version": manifest.versions["leakboard"],
        "dataset": manifest.dataset.name,
        "size": manifest.dataset.image_size,
        "revision": manifest.dataset.revision[:16],
        "images": _images(manifest),
        "task": manifest.task.name,
        "task_classes": ", ".join(manifest.task.classes),
        "sensitive": manifest.sensitive.name,
        "sensitive_classes": ", ".join(manifest.sensitive.classes),
        "network": client.network,
        "split_layer": client.split_layer,
        "split_index": client.split_index,
        "shape": " x ".join(map(str, client.activation_shape)),
        "shape_tuple": ", ".join(map(str, client.activation_shape)),
        "defense": manifest.defense.name,
        "defense_options": _options(manifest),
        "seed": manifest.seed,
        "scale": manifest.scale,
        "fingerprint": manifest.fingerprint,
        "folder_hint": manifest.name,
        "splits": "\n".join(_split_row(manifest, measured, split) for split in PUBLIC_SPLITS),
        "majority": f"{measured.majority_task_rate:.3f}",
        "proxy": "none was trained" if proxy is None else f"accuracy {proxy:.3f}",
        "client_flops": f"{cost.client_flops:,}",
        "client_parameters": f"{cost.client_parameters:,}",
        "task_flops": f"{cost.task_network_flops:,}",
        "bytes_sent": f"{cost.bytes_sent:,}",
        "compressed": f"{cost.compressed_bytes_sent:,.0f}",
        "licence": licence.name,
        "sharing": _sharing(manifest),
        "citation": licence.citation,
        "kind": (files(CARDS) / f"release-{_kind(manifest)}.md").read_text("utf-8"),
        "dataset_card": _dataset_card(manifest.dataset.name),
    }


def _kind(manifest: Manifest) -> str:
    """Which of the cards release-<kind>.md says what the release is meant for."""
    if not manifest.ranked:
        return "control"
    if manifest.defense.name == "none":
        return "undefended"
    return "randomized" if manifest.defense.randomized else "defended"


def _balance(manifest: Manifest, balance: Balance) -> str:
    shares = (
        f"{attribute.name} "
        + ", ".join(
            f"{name} {share:.3f}"
            for name, share in zip(attribute.classes, balance[attribute.name], strict=True)
        )
        for attribute in (manifest.task, manifest.sensitive)
    )
    return "; ".join(shares)


def _dataset_card(name: str) -> str:
    """The card in data_cards/, or for a plug-in without one its own docstring."""
    path = files(CARDS) / f"{name}.md"
    return path.read_text("utf-8") if path.is_file() else getdoc(REGISTRY.find(name)) or name


def _options(manifest: Manifest) -> str:
    return ", ".join(f"{name} = {value}" for name, value in manifest.defense.options.items())


def _split_row(manifest: Manifest, measured: Measurements, split: str) -> str:
    facts = manifest.splits[split]
    return (
        f"| {split} | {facts.records:,} | {facts.images:,} | {facts.subjects:,} "
        f"| {interval(measured.utility[split])} |"
    )


def interval(utility: Utility) -> str:
    """Print a proportion with its interval and n.

    >>> interval(Utility(value=0.9, low=0.88, high=0.92, n=500))
    '0.900 (0.880 to 0.920, n = 500)'
    """
    return f"{utility.value:.3f} ({utility.low:.3f} to {utility.high:.3f}, n = {utility.n:,})"


def _images(manifest: Manifest) -> str:
    if manifest.config.sealed:
        return "sealed: made from the organiser's secret for this release; test images are hidden"
    return "open: who has the source can look the test activations up"


def _sharing(manifest: Manifest) -> str:
    if manifest.dataset.licence.redistributable:
        return "The terms allow passing the images on with attribution."
    return (
        "The terms forbid passing the images on, and an undefended activation is nearly the "
        "image: neither inputs nor activations of this release may be published."
    )
