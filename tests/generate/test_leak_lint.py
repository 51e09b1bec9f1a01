"""Leak-lint finds each planted leak, and accuses no sound split."""

import numpy as np
import pytest

from leakboard.generate.verification.leak_lint import Hidden, Labels, Visible, leaks
from leakboard.schemas import Secret

Split = tuple[Visible, Hidden]


def split(count: int, classes: int, seed: int = 0) -> Split:
    """What a secret makes of `count` images of a fifth as many people."""
    secret, random = Secret(bytes([seed]) * 32), np.random.default_rng(seed)
    sample = sorted(secret.identifier("sample", str(row)) for row in range(count))
    image = [secret.identifier("image", str(row)) for row in range(count)]
    labels = {name: random.integers(classes, size=count) for name in ("task", "sensitive")}
    subject = random.integers(max(count // 5, 1), size=count)
    queries = np.where(random.random(count) < 0.3, 16, 1)
    return Visible(sample, image, queries), Hidden(labels, subject, random.permutation(count))


def reordered(sound: Split, order: Labels) -> Split:
    """The same images in another order; ids stay sorted, as the format demands."""
    seen, hidden = sound
    labels = {name: values[order] for name, values in hidden.labels.items()}
    assert hidden.source is not None
    image = [seen.image_id[row] for row in order]
    visible = Visible(seen.sample_id[: len(order)], image, seen.queries[order])
    return visible, Hidden(labels, hidden.subject[order], hidden.source[order])


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("count", [1, 2, 36, 1000])
def test_a_sound_split_is_not_accused(count: int, classes: int) -> None:
    for seed in range(6):
        assert list(leaks(*split(count, classes, seed))) == []


@pytest.mark.parametrize("classes", [2, 10])
def test_order_by_label_is_found(classes: int) -> None:
    sound = split(400, classes)
    noisy = sound[1].labels["sensitive"] + np.random.default_rng(1).normal(0, classes / 3, 400)
    found = list(leaks(*reordered(sound, np.argsort(noisy))))
    assert any("the order depends on sensitive" in leak for leak in found)


def test_labels_in_turn_are_found() -> None:
    """No class comes earlier than another, but each neighbour tells the next."""
    sound = split(400, 2)
    task = sound[1].labels["task"]
    ones, zeros = np.flatnonzero(task == 1), np.flatnonzero(task == 0)
    paired = min(len(ones), len(zeros))
    order = np.stack([ones[:paired], zeros[:paired]], axis=1).ravel()
    found = list(leaks(*reordered(sound, order)))
    assert any("neighbours in the order share their task" in leak for leak in found)


@pytest.mark.parametrize("digit", [0, 13, 31])
@pytest.mark.parametrize("kind", ["sample_id", "image_id"])
def test_a_label_in_one_digit_of_an_id_is_found(kind: str, digit: int) -> None:
    seen, hidden = split(400, 10)
    changed = [
        name[:digit] + f"{(label + 3) % 16:x}" + name[digit + 1 :]
        for name, label in zip(getattr(seen, kind), hidden.labels["sensitive"], strict=True)
    ]
    ids = {"sample_id": seen.sample_id, "image_id": seen.image_id, kind: changed}
    found = list(leaks(Visible(**ids, queries=seen.queries), hidden))
    assert any(f"{kind} depends on sensitive" in leak for leak in found)


def test_queries_by_label_are_found() -> None:
    seen, hidden = split(400, 2)
    queries = np.where(hidden.labels["task"] == 1, 16, 1)
    found = list(leaks(Visible(seen.sample_id, seen.image_id, queries), hidden))
    assert [leak.partition(" (")[0] for leak in found] == ["the number of queries depends on task"]


def test_the_order_of_the_source_is_found_even_roughly() -> None:
    sound = split(400, 2)
    source = sound[1].source
    assert source is not None
    rough = source + np.random.default_rng(1).normal(0, 400, 400)
    found = list(leaks(*reordered(sound, np.argsort(rough))))
    assert any("source images" in leak for leak in found)


def test_images_of_one_person_side_by_side_are_found() -> None:
    sound = split(400, 2)
    half = np.argsort(np.where(np.arange(400) < 200, sound[1].subject, 1000), kind="stable")
    found = list(leaks(*reordered(sound, half)))
    assert any("same subject" in leak for leak in found)
