"""Entries of a board, made from the few facts that a test is about."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import pytest

from leakboard.schemas import (
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

MakeRow = Callable[..., LeaderboardRow]
Interval = tuple[float, float, float]  # value, low, high


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def headline(track: Track, interval: Interval) -> Score:
    value, low, high = interval
    return Score(
        metric=HEADLINE[track],
        value=value,
        low=low,
        high=high,
        n=900,
        direction=Direction.HIGHER_LEAKS_MORE,
        metric_version=1,
    )


@pytest.fixture
def make_row() -> MakeRow:
    def make(
        defense: str,
        leakage: Interval,
        utility: Interval = (0.9, 0.88, 0.92),
        *,
        seed: int = 0,
        options: Mapping[str, object] | None = None,
        attack: str = "classifier",
        track: Track = Track.ATTRIBUTE,
        ceiling: bool = False,
        anchors: Mapping[str, Interval] | None = None,
        flags: Sequence[str] = (),
        secret: str = "",
        **changes: object,
    ) -> LeaderboardRow:
        config_id = digest(defense, options)[:16]
        report = ScoreReport(
            release=f"synthetic-{defense}",
            fingerprint=digest(config_id, seed, secret, changes.get("dataset")),
            attack=attack,
            options={},
            ceiling=ceiling,
            track=track,
            setting=Setting.AUXILIARY,
            split="test",
            scores={HEADLINE[track]: headline(track, leakage)},
            anchors={
                name: {HEADLINE[track]: headline(track, interval)}
                for name, interval in (anchors or {}).items()
            },
            flags=tuple(flags),
            leakboard_version="0.1.0",
        )
        value, low, high = utility
        row = LeaderboardRow(
            submitted="2026-11-23T20:00:00Z",
            verified=False,
            dataset="synthetic",
            dataset_options={},
            task="smiling",
            sensitive="gender",
            image_size=32,
            network="resnet18",
            split_layer="layer1",
            split_index=4,
            defense=defense,
            defense_options=dict(options or {}),
            config=f"synthetic-{defense}",
            config_id=config_id,
            seed=seed,
            scale="smoke",
            ranked=True,
            utility=Utility(value=value, low=low, high=high, n=900),
            cost=ClientCost(
                client_macs=1, client_parameters=1, task_network_macs=1, bytes_sent=8192
            ),
            report=report,
        )
        return LeaderboardRow.parse(row.model_dump() | changes, "a test's entry")

    return make
