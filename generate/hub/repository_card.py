"""The card of a Hub repository: which releases it holds, each a configuration of its own."""

import json

from ...schemas.benchmark import Benchmark
from ...schemas.recipe import table_path
from ...schemas.records import PUBLIC_SPLITS
from ...schemas.shards import SUFFIX

RELEASES = """\
Client activations of split networks with their weights and inputs, made to measure what they give
away. Each release is one configuration, with a card of its own:"""
RECIPES = """\
Recipes of releases whose images may not be passed on: client activations of split networks, made to
measure what they give away, without the activations and the images. Weights, ids and hashes are
here; who has the images rebuilds the records. Each is one configuration, with a card of its own:"""
READ = """\
```python
from datasets import load_dataset

release = load_dataset("{repository}", "{name}")
```

`leakboard pull {repository} DIR` fetches them whole and checks every byte."""
REBUILD = """\
```console
leakboard pull {repository} DIR
leakboard materialize DIR/{name} --data SRC
```

The first line checks every byte, the second every image of `SRC`, your own copy, by its hash."""


def repository_card(benchmark: Benchmark, repository: str) -> str:
    """Write the card; its front matter lets `load_dataset` read each release by its name."""
    configs = [
        {
            "config_name": entry.name,
            "data_files": [
                {"split": split, "path": f"{entry.name}/{_pattern(benchmark, split)}"}
                for split in PUBLIC_SPLITS
            ],
        }
        for entry in benchmark.releases
    ]
    matter = {"license": "other", "tags": ["privacy", "split-inference", "leakboard"]}
    lines = [f"{key}: {json.dumps(value)}" for key, value in {**matter, "configs": configs}.items()]
    rows = [
        f"| [{entry.name}]({entry.name}/README.md) | {entry.records:,} | {entry.bytes:,} "
        f"| `{entry.fingerprint[:12]}` |"
        for entry in benchmark.releases
    ]
    recipes = benchmark.format == "recipe"
    example = benchmark.releases[0].name
    shown = (REBUILD if recipes else READ).format(repository=repository, name=example)
    return f"""---
{chr(10).join(lines)}
---

# Leakboard {"recipes" if recipes else "releases"}

{RECIPES if recipes else RELEASES}

| release | records | bytes | fingerprint |
|---|---|---|---|
{chr(10).join(rows)}

{shown}
"""


def _pattern(benchmark: Benchmark, split: str) -> str:
    if benchmark.format == "recipe":
        return table_path(split)
    return f"data/{split}-*.{SUFFIX[benchmark.format]}"
