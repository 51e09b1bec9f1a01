"""A drawn board: 2,000 entries over 40 defenses, with a few options for every filter of the pages.

Each defense was trained with five seeds and attacked ten times with each: three attribute attacks
and two reconstructions, on both public splits. The first three seeds share a group, the fourth has
a deeper split layer and sealed images, the fifth another dataset.
"""

import hashlib
from itertools import product

import numpy as np

from ..schemas import (
    HEADLINE,
    ClientCost,
    Direction,
    LeaderboardRow,
    Score,
    ScoreReport,
    Setting,
    Track,
    Utility,
)
from ..schemas.records import PublicSplit

DEFENSES, SEEDS, IMAGES = 40, 5, 900
SPLITS: tuple[PublicSplit, ...] = ("validation", "test")
ATTACKS = (  # track, name, setting, auxiliary records
    (Track.ATTRIBUTE, "linear_probe", Setting.AUXILIARY, 100),
    (Track.ATTRIBUTE, "attribute_classifier", Setting.AUXILIARY, 1000),
    (Track.ATTRIBUTE, "boosted_trees", Setting.AUXILIARY_WHITEBOX, 10_000),
    (Track.RECONSTRUCTION, "decoder", Setting.AUXILIARY, 1000),
    (Track.RECONSTRUCTION, "likelihood_maximization", Setting.WHITEBOX, 0),
)
OTHERS = {
    Track.ATTRIBUTE: ("auc", "balanced_accuracy", "worst_group"),
    Track.RECONSTRUCTION: ("l1", "mse", "psnr"),
}


def entries() -> list[LeaderboardRow]:
    """Draw the entries, without what each image contributed to them."""
    random = np.random.default_rng(0)
    drawn = product(range(DEFENSES), range(SEEDS), range(len(ATTACKS)), SPLITS)
    return [_entry(*about, float(random.uniform(0.3, 0.9))) for about in drawn]


def _entry(
    defense: int, seed: int, attack: int, split: PublicSplit, leakage: float
) -> LeaderboardRow:
    track, name, setting, records = ATTACKS[attack]
    metric = HEADLINE[track]
    utility = 0.9 - 0.002 * defense
    target = "none" if defense == 0 else f"defense{defense:02d}"
    deeper, elsewhere = seed == 3, seed == 4
    config = f"{'toys' if elsewhere else 'drawn'}-{target}{'-layer2' if deeper else ''}"
    scores = {one: _score(one, leakage) for one in (metric, *OTHERS[track])}
    return LeaderboardRow(
        submitted=f"2026-11-{1 + attack:02d}T00:00:00Z",
        verified=attack % 2 == 0,
        dataset="toys" if elsewhere else "drawn",
        dataset_options={},
        task="smiling",
        sensitive="race",
        image_size=32,
        network="resnet18",
        split_layer="layer2" if deeper else "layer1",
        split_index=6 if deeper else 4,
        defense=target,
        defense_options={},
        config=config,
        config_id=_digest(config)[:16],
        seed=seed,
        scale="reduced",
        ranked=True,
        sealed=deeper,
        utility=Utility(value=utility, low=utility - 0.02, high=utility + 0.02, n=IMAGES),
        cost=ClientCost(
            client_macs=12738560,
            client_parameters=276736,
            task_network_macs=25166848,
            bytes_sent=8192,
        ),
        report=ScoreReport(
            release=f"{config}-s{seed}",
            fingerprint=_digest(f"{config} {seed}"),
            attack=name,
            options={},
            ceiling=False,
            auxiliary_records=records,
            track=track,
            setting=setting,
            split=split,
            scores=scores,
            anchors={"majority": {metric: _score(metric, 0.3)}},
            flags=(),
            leakboard_version="0.1.0",
        ),
    )


def _score(metric: str, value: float) -> Score:
    return Score(
        metric=metric,
        value=value,
        low=value - 0.02,
        high=value + 0.02,
        n=IMAGES,
        direction=Direction.HIGHER_LEAKS_MORE,
        metric_version=1,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
