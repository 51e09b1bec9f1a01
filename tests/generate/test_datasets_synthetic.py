"""Synthetic faces: what a seed fixes, who keeps what, and the correlation that was asked for."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leakboard.generate.datasets import create
from leakboard.generate.datasets._draws import SeedKeys
from leakboard.generate.datasets._face_drawing import draw
from leakboard.generate.datasets._face_labels import ATTRIBUTES
from leakboard.generate.datasets._face_people import draw_people
from leakboard.generate.datasets._face_shots import draw_shots
from leakboard.generate.datasets.synthetic import Synthetic
from leakboard.schemas import UnknownName, UnknownOption, UsageError

MANY = 8000


def synthetic(size: int = 24, **options: Any) -> Synthetic:
    made = create("synthetic", None, size, options)
    assert isinstance(made, Synthetic)
    return made


# What the seed fixes ------------------------------------------------------------------------------


def test_an_image_is_the_same_to_the_last_bit_in_a_batch_of_any_size() -> None:
    faces = synthetic(size=32, images=90, identities=30)
    whole = faces.images(range(90))
    alone = np.concatenate([faces.images([row]) for row in range(90)])
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_the_seed_fixes_every_label_and_pixel(seed: int) -> None:
    first, again = (synthetic(images=30, identities=10, seed=seed) for _ in range(2))
    assert first.index.subjects == again.index.subjects
    for attribute, labels in first.index.labels.items():
        assert np.array_equal(labels, again.index.labels[attribute])
    assert first.encoded(range(30)) == again.encoded(range(30))


def test_another_seed_draws_other_people_with_other_labels() -> None:
    one, other = (synthetic(images=60, identities=20, seed=seed) for seed in (2**62, 2**62 + 1))
    assert one.revision != other.revision
    assert not np.array_equal(one.index.labels["race"], other.index.labels["race"])
    differences = one.images(range(60)).astype(int) - other.images(range(60))
    assert np.abs(differences).mean((1, 2, 3)).min() > 5


def test_the_size_changes_the_resolution_and_nothing_else() -> None:
    small, large = (synthetic(size=size, images=20, identities=5) for size in (32, 128))
    assert small.revision == large.revision
    thumbnails = large.images(range(20)).reshape(20, 32, 4, 32, 4, 3).mean((2, 4))
    assert np.abs(thumbnails - small.images(range(20))).mean() < 8


# People -------------------------------------------------------------------------------------------


def test_a_person_keeps_what_is_theirs_and_has_a_fair_share_of_the_images() -> None:
    index = synthetic(images=95, identities=10).index
    people = np.array(index.subjects)
    shares = np.unique(people, return_counts=True)[1]
    assert set(shares) == {9, 10}
    for name, attribute in ATTRIBUTES.items():
        kinds = [len(set(index.labels[name][people == person])) for person in set(people)]
        assert (max(kinds) == 1) == attribute.of_person


def test_two_images_of_a_person_look_alike() -> None:
    faces = synthetic(size=32, images=400, identities=40)
    middle = faces.images(range(400))[:, 2:26, 7:25].astype(float)
    middle -= middle.mean((1, 2, 3), keepdims=True)
    thumbnails = middle.reshape(400, 6, 4, 6, 3, 3).mean((2, 4)).reshape(400, -1)
    distances = ((thumbnails[:, None] - thumbnails[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    people = np.array(faces.index.subjects)
    rank_1 = (people[distances.argmin(1)] == people).mean()
    assert rank_1 > 10 / 40  # ten times what a guess reaches


@pytest.mark.parametrize(
    ("attribute", "top", "bottom"),
    [
        ("mouth_open", 0.50, 0.90),
        ("glasses", 0.25, 0.70),
        ("big_nose", 0.35, 0.80),
    ],
)
def test_an_attribute_shows_where_it_belongs_and_nowhere_else(
    attribute: str, top: float, bottom: float
) -> None:
    size, count = 64, 40
    labels = dict(synthetic(images=count, identities=count).index.labels)
    noise = np.zeros((count, 3, size, size), np.float32)

    def drawn(value: int) -> NDArray[np.int64]:
        labels[attribute] = np.full(count, value)
        shots = draw_shots(SeedKeys(1), range(count), labels)
        return draw(draw_people(SeedKeys(1), labels), shots, size, noise).astype(np.int64)

    rows = np.abs(drawn(1) - drawn(0)).sum((2, 3))
    inside = rows[:, int(top * size) : int(bottom * size)].sum(1)
    assert inside.min() > 0
    assert inside.sum() > 0.97 * rows.sum()


# Labels -------------------------------------------------------------------------------------------


def test_classes_are_as_frequent_as_they_are_said_to_be() -> None:
    labels = synthetic(images=MANY, identities=MANY).index.labels
    for name, attribute in ATTRIBUTES.items():
        for number, weight in enumerate(attribute.weights):
            error = np.sqrt(weight * (1 - weight) / MANY)
            assert abs((labels[name] == number).mean() - weight) < 4 * error


def test_attributes_are_independent_of_each_other_and_of_the_order() -> None:
    labels = synthetic(images=MANY, identities=MANY).index.labels
    columns = np.stack([*labels.values(), np.arange(MANY)])
    between = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(between).max() < 4.5 / np.sqrt(MANY)


@pytest.mark.parametrize(
    ("first", "second", "rho"),
    [
        ("smiling", "gender", 0.3),
        ("gender", "smiling", -0.9),
        ("mouth_open", "smiling", 0.7),
        ("gender", "glasses", 0.5),
        ("big_nose", "gender", -0.6),
        ("race", "gender", 0.6),
        ("race", "age_group", -0.4),
        ("smiling", "mouth_open", 0.0),
    ],
)
def test_the_correlation_is_the_one_asked_for_and_the_frequencies_stay(
    first: str, second: str, rho: float
) -> None:
    wanted = {"first": first, "second": second, "rho": rho}
    labels = synthetic(images=MANY, identities=MANY, correlation=wanted).index.labels
    assert abs(np.corrcoef(labels[first], labels[second])[0, 1] - rho) < 4.5 / np.sqrt(MANY)
    for name in (first, second):
        for number, weight in enumerate(ATTRIBUTES[name].weights):
            assert abs((labels[name] == number).mean() - weight) < 4.5 * 0.5 / np.sqrt(MANY)
    others = [name for name in ATTRIBUTES if name not in (first, second)]
    for name in others:
        assert abs(np.corrcoef(labels[name], labels[first])[0, 1]) < 4.5 / np.sqrt(MANY)


def test_phi_of_one_makes_two_even_attributes_the_same() -> None:
    wanted = {"first": "smiling", "second": "gender", "rho": 1.0}
    labels = synthetic(images=500, identities=50, correlation=wanted).index.labels
    assert np.array_equal(labels["smiling"], labels["gender"])


def test_the_file_size_says_next_to_nothing_about_a_label() -> None:
    faces = synthetic(size=32, images=1500, identities=1500)
    sizes = np.array([len(content) for content in faces.encoded(range(1500))])
    for name in ("gender", "smiling", "mouth_open", "glasses", "big_nose"):
        assert abs(np.corrcoef(sizes, faces.index.labels[name])[0, 1]) < 0.25


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"images": 5, "identities": 6}, UnknownOption, "6 identities and 5 images"),
        ({"identities": 0}, UnknownOption, "at least one identity"),
        ({"seed": -1}, UnknownOption, "seed in 0"),
        ({"seed": 2**63}, UnknownOption, "seed in 0"),
        ({"identity": 3}, UnknownOption, "did you mean 'identities'"),
        (
            {"correlation": {"first": "smile", "second": "gender", "rho": 0.1}},
            UnknownName,
            "did you mean 'smiling'",
        ),
        (
            {"correlation": {"first": "gender", "second": "gender", "rho": 0.1}},
            UnknownOption,
            "two different attributes",
        ),
        (
            {"correlation": {"first": "big_nose", "second": "gender", "rho": 0.7}},
            UnknownOption,
            "a rho from -0.655 to 0.655, but got 0.7",
        ),
        ({"correlation": {"first": "smiling"}}, UnknownOption, "'correlation' cannot be"),
        (
            {"correlation": {"first": "smiling", "second": "gender", "rho": 0.1, "p": 1}},
            UnknownOption,
            "'correlation' cannot be",
        ),
    ],
)
def test_impossible_options_are_refused_in_one_sentence(
    options: dict[str, Any], error: type[UsageError], words: str
) -> None:
    with pytest.raises(error, match=words) as refused:
        synthetic(**options)
    assert "\n" not in str(refused.value)


def test_a_source_is_refused() -> None:
    with pytest.raises(UsageError, match="leave out --data"):
        create("synthetic", "some/where", 32, {})
