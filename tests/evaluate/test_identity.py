"""Re-identification: who is in the gallery, who is found, and what a judge may judge."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from leakboard.evaluate import read_truth
from leakboard.evaluate.judging.identity import Identity, gallery_rows
from leakboard.evaluate.metrics import REGISTRY, Metric, ReconstructionOutcome
from leakboard.evaluate.scoring.intervals import estimates, replicate_weights
from leakboard.schemas import Release

from ..tiny import MakeRelease

Floats = NDArray[np.float64]
RANK1: Metric[ReconstructionOutcome] = REGISTRY.create("rank1", {})
TAR: Metric[ReconstructionOutcome] = REGISTRY.create("tar_at_far", {})
BLANK = np.zeros((1, 1, 1, 3), np.uint8)


def outcome(
    similarity: Floats, own: NDArray[np.intp], probe: NDArray[np.bool_]
) -> ReconstructionOutcome:
    """What a judge saw; the images themselves do not matter."""
    images = BLANK.repeat(len(own), axis=0)
    return ReconstructionOutcome(images, images, Identity(similarity, own, probe))


def people(
    count: int = 40, each: int = 5, spread: float = 1.0, levels: int | None = None, seed: int = 0
) -> ReconstructionOutcome:
    """Images of people scattered around their own place; with `levels`, many similarities tie."""
    random = np.random.default_rng(seed)
    own = np.arange(count).repeat(each)
    places = random.normal(size=(count, 8))[own] + spread * random.normal(size=(len(own), 8))
    embeddings = places / np.linalg.norm(places, axis=1, keepdims=True)
    gallery = embeddings[::each]
    similarity = embeddings @ gallery.T
    if levels:
        similarity = np.round(similarity * levels) / levels
    return outcome(similarity, own, np.arange(len(own)) % each > 0)


def value(metric: Metric[ReconstructionOutcome], seen: ReconstructionOutcome) -> float:
    return float(metric.statistic(seen)(np.ones((1, len(seen))))[0])


# The gallery -------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["defender", "validation", "test"])
def test_everyone_is_in_the_gallery_once_and_nobody_is_a_probe_of_himself(
    release: Release, split: str
) -> None:
    records = read_truth(release, split, None)
    images, subjects = records.known("inputs").numpy(), records.subject or ()
    rows = gallery_rows(images, subjects)
    assert sorted(subjects[row] for row in rows) == sorted(set(subjects))
    probes = set(range(len(subjects))) - set(rows)
    assert len(probes) == len(subjects) - release.manifest.splits[split].subjects
    assert {subjects[row] for row in probes} == set(subjects)  # four images of each


def test_releases_that_share_their_splits_share_gallery_and_probes(
    release_of: MakeRelease,
) -> None:
    chosen: list[set[bytes]] = []
    for defense in ("none", "gaussian_noise"):
        records = read_truth(release_of(defense), "test", None)
        images = records.known("inputs").numpy()
        rows = gallery_rows(images, records.subject or ())
        chosen.append({images[row].tobytes() for row in rows})
    assert chosen[0] == chosen[1]


def test_row_order_does_not_choose_the_gallery() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 4, 4, 3), np.uint8)
    subjects = random.integers(0, 7, 30).astype(str).tolist()
    order = random.permutation(30)
    rows = gallery_rows(images, subjects)
    shuffled = gallery_rows(images[order], [subjects[row] for row in order])
    assert order[shuffled].tolist() == rows


# The metrics -------------------------------------------------------------------------------------


def test_perfect_embeddings_find_everyone() -> None:
    sure = people(spread=0.0)
    assert (value(RANK1, sure), value(TAR, sure)) == (1.0, 1.0)


def test_a_judge_who_sees_nothing_is_at_chance() -> None:
    same = people(count=50)
    assert same.identity is not None
    blind = outcome(np.ones((250, 50)), same.identity.own, same.identity.probe)
    assert value(RANK1, blind) == pytest.approx(1 / 50, abs=1e-15)
    assert value(TAR, blind) == 0.0


def test_random_embeddings_are_about_at_chance() -> None:
    random = np.random.default_rng(1)
    own = np.arange(100).repeat(21)
    seen = outcome(random.normal(size=(2100, 100)), own, np.arange(2100) % 21 > 0)
    # binomial with 2,000 trials: standard deviations .0022 and .0007
    assert value(RANK1, seen) == pytest.approx(0.01, abs=0.009)
    assert value(TAR, seen) == pytest.approx(0.001, abs=0.003)


def test_a_mean_image_is_at_chance() -> None:
    """Every reconstruction is the same: it is the image of one of the people, and no other's."""
    seen = people(count=25, each=3)
    assert seen.identity is not None
    alike = np.tile(seen.identity.similarity[:1], (75, 1))
    same = outcome(alike, seen.identity.own, seen.identity.probe)
    assert value(RANK1, same) == pytest.approx(1 / 25, abs=1e-15)


def test_known_similarities() -> None:
    """Four probes against three people: found, tied with one other, last, and found."""
    similarity = np.array(
        [[0.9, 0.1, 0.2], [0.5, 0.5, 0.1], [0.3, 0.2, 0.1], [0.0, 0.1, 0.4], [1.0, 1.0, 1.0]]
    )
    own = np.array([0, 1, 2, 2, 0])
    seen = outcome(similarity, own, np.array([True, True, True, True, False]))
    assert value(RANK1, seen) == pytest.approx((1 + 1 / 2 + 0 + 1) / 4)
    assert RANK1.counted(seen) == 4
    assert "needs at least 1000 impostor pairs, but there are 8" in (TAR.lacks(seen) or "")


def slow_rank1(seen: Identity, weights: Floats) -> float:
    """Count, one probe at a time, who is ahead of the probe's own person and who is beside it."""
    found, total = 0.0, 0.0
    for row in np.flatnonzero(seen.probe):
        mine = seen.similarity[row, seen.own[row]]
        ahead = sum(other > mine for other in seen.similarity[row])
        beside = sum(other == mine for other in seen.similarity[row])
        found += weights[row] * (ahead == 0) / beside
        total += weights[row]
    return found / total


def sklearn_tar(seen: Identity, weights: Floats) -> float:
    """The highest true-positive rate of all pairs where the false one is at most 1e-3."""
    pairs = [
        (person == seen.own[row], similarity, weights[row])
        for row in np.flatnonzero(seen.probe)
        for person, similarity in enumerate(seen.similarity[row])
    ]
    genuine, similarity, drawn = (np.array(column) for column in zip(*pairs, strict=True))
    false, true, _ = roc_curve(genuine, similarity, sample_weight=drawn, drop_intermediate=False)
    return float(true[false <= 1e-3].max())


@pytest.mark.parametrize("levels", [None, 20], ids=["distinct", "tied"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_slow_count_and_scikit_learn_also_under_weights(
    seed: int, levels: int | None
) -> None:
    seen = people(seed=seed, levels=levels)
    assert seen.identity is not None
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(seen))).astype(float)
    expected = [slow_rank1(seen.identity, one) for one in weights]
    assert RANK1.statistic(seen)(weights) == pytest.approx(expected, abs=1e-12)
    expected = [sklearn_tar(seen.identity, one) for one in weights]
    assert TAR.statistic(seen)(weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("impostors", "accepted"), [(1000, 1.0), (999, 0.0)])
def test_one_false_accept_is_allowed_among_a_thousand_pairs(
    impostors: int, accepted: float
) -> None:
    """One probe whose own image is second among `impostors` strangers."""
    similarity = np.append(np.linspace(0.0, 0.7, impostors), 0.6)[None]
    similarity[0, 0] = 0.9
    similarity[0, 1:-1] = similarity[0, 1:-1] / 2
    seen = outcome(similarity, np.array([impostors]), np.array([True]))
    assert value(TAR, seen) == accepted


def test_more_similar_people_are_found_more_often() -> None:
    shares = [
        (value(RANK1, people(spread=spread)), value(TAR, people(spread=spread)))
        for spread in (0.1, 0.5, 1.0, 2.0)
    ]
    assert all(a[0] > b[0] and a[1] > b[1] for a, b in pairwise(shares))


def test_the_bootstrap_draws_people_with_all_their_probes() -> None:
    """Where a person is found always or never, the interval is that of people, not of images."""
    own = np.arange(60).repeat(11)
    similarity = np.zeros((660, 60))
    similarity[np.arange(660), np.where(own % 2, own, (own + 1) % 60)] = 1.0
    seen = outcome(similarity, own, np.arange(660) % 11 > 0)
    estimate = estimates({"rank1": RANK1.statistic(seen)}, own.astype(str).tolist())["rank1"]
    assert estimate.value == 0.5
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 60), rel=0.15)


def test_a_replicate_without_probes_is_undefined() -> None:
    seen = people()
    assert seen.identity is not None
    weights = (~seen.identity.probe[None]).astype(float)
    assert np.isnan(RANK1.statistic(seen)(weights)).all()
    assert np.isnan(TAR.statistic(seen)(weights)).all()


def test_distractors_are_in_the_gallery_and_are_not_looked_for() -> None:
    seen = people(count=30, each=2)
    assert seen.identity is not None
    alone = seen.identity.own >= 20  # ten people with one image
    kept = np.flatnonzero(~alone | ~seen.identity.probe)
    fewer = outcome(*(each[kept] for each in vars(seen.identity).values()))
    assert RANK1.counted(fewer) == 20
    assert fewer.identity is not None
    assert fewer.identity.impostor_pairs == 20 * 29
    drawn = next(iter(replicate_weights([str(n) for n in fewer.identity.own], 50, 0)))
    assert np.isfinite(RANK1.statistic(fewer)(drawn)).all()


def test_without_a_judge_or_without_second_images_the_metrics_say_so() -> None:
    seen = people(count=10, each=1)
    unseen = ReconstructionOutcome(seen.predicted, seen.truth)
    for metric in (RANK1, TAR):
        assert metric.lacks(unseen) == "no judge was given: --judge FILE"
        assert metric.lacks(seen) == "no subject has two images"
