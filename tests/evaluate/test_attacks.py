"""Every attack keeps the contract; controls show that attacks read activations and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from leakboard.evaluate import fit_attack, read_records, read_truth, score
from leakboard.evaluate.attacks import REGISTRY, Attack
from leakboard.evaluate.attacks.nearest_neighbour import NearestNeighbour
from leakboard.evaluate.attacks.prior import Prior
from leakboard.evaluate.reading.records import Records
from leakboard.schemas import BadPredictions, Release, Setting, Track, UsageError
from leakboard.schemas.registry import options_of

from ..tiny import MakeRelease

NAMES = REGISTRY.names()


def on_attributes(name: str) -> bool:
    """Whether the attack predicts the sensitive attribute, unless told otherwise."""
    attack: Attack = REGISTRY.create(name, {})
    return attack.track is Track.ATTRIBUTE


def quick(name: str) -> dict[str, Any]:
    """The smallest budget the attack takes."""
    return {n: 1 for n in ("epochs", "steps") if n in options_of(REGISTRY.find(name))}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("defense", ["disco", "random_pruning"])
def test_every_attack_answers_for_every_image_once(
    release_of: MakeRelease, name: str, defense: str
) -> None:
    release = release_of(defense)
    predictions = fit_attack(release, name, quick(name)).predict("validation")
    manifest = release.manifest
    count = manifest.splits["validation"].images
    expected = (
        (len(manifest.sensitive.classes),)
        if predictions.header.track is Track.ATTRIBUTE
        else manifest.image_shape
    )
    assert predictions.values.shape == (count, *expected)
    assert len(set(predictions.sample_ids)) == count
    assert predictions.header.fingerprint == manifest.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_predictions(release: Release, name: str) -> None:
    first, second = (fit_attack(release, name, quick(name)).predict("test") for _ in range(2))
    assert (first.values == second.values).all()


def test_an_attack_sees_no_answer_of_the_split_it_predicts(release: Release) -> None:
    class Spy(Attack):
        track = Track.ATTRIBUTE
        seen: Records

        def fit(self, auxiliary: Records) -> None:
            self.classes = len(auxiliary.manifest.sensitive.classes)

        def predict(self, records: Records) -> torch.Tensor:
            Spy.seen = records
            return torch.full((len(records), self.classes), 1 / self.classes)

    Spy.__module__, Spy.__qualname__ = __name__, "Spy"
    globals()["Spy"] = Spy
    fit_attack(release, f"{__name__}:Spy", {}).predict("validation")
    seen = Spy.seen
    assert (seen.inputs, seen.task, seen.sensitive, seen.subject) == (None,) * 4
    with pytest.raises(ValueError, match="without its answers"):
        seen.known("sensitive")


def test_the_prior_guesses_the_majority_of_auxiliary(release: Release) -> None:
    auxiliary = read_records(release, "auxiliary")
    attack = Prior()
    attack.fit(auxiliary)
    guess = attack.predict(read_records(release, "test"))
    assert guess.argmax(dim=1).unique().tolist() == [auxiliary.known("sensitive").mode().values]
    torch.testing.assert_close(guess.sum(dim=1), torch.ones(len(guess)).double())


def test_the_task_output_prior_reads_a_label_that_the_task_gives_away(release: Release) -> None:
    """With the task logits equal to the sensitive label the guess is always right."""
    auxiliary, validation = (read_records(release, s) for s in ("auxiliary", "validation"))
    planted = [
        replace(r, task_logits=torch.nn.functional.one_hot(r.known("sensitive"), 2).float())
        for r in (auxiliary, validation)
    ]
    attack = Prior(given="task_output")
    attack.fit(planted[0])
    guess = attack.predict(planted[1]).argmax(dim=1)
    assert torch.equal(guess, validation.known("sensitive"))


def test_nearest_neighbour_finds_the_record_itself(release: Release) -> None:
    auxiliary = read_records(release, "auxiliary")
    attack = NearestNeighbour(track=Track.RECONSTRUCTION)
    attack.fit(auxiliary)
    found = attack.predict(auxiliary)
    torch.testing.assert_close(found, auxiliary.known("inputs") / 255)


def test_several_neighbours_vote(release: Release) -> None:
    auxiliary = read_records(release, "auxiliary")
    attack = NearestNeighbour(neighbours=len(auxiliary))
    attack.fit(auxiliary)
    everyone = auxiliary.known("sensitive").bincount() / len(auxiliary)
    torch.testing.assert_close(attack.predict(auxiliary.select(torch.arange(1)))[0], everyone)


def test_more_neighbours_than_records_are_refused(release: Release) -> None:
    with pytest.raises(UsageError, match="holds 24 auxiliary records"):
        fit_attack(release, "nearest_neighbour", {"neighbours": 25}, budget=24)


@pytest.mark.parametrize("name", [name for name in NAMES if on_attributes(name)])
def test_permuting_the_records_permutes_the_predictions(release: Release, name: str) -> None:
    attack = fit_attack(release, name, quick(name)).attack
    records = read_truth(release, "test", None)
    order = torch.randperm(len(records), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        attack.predict(records.select(order)), attack.predict(records)[order]
    )


def test_only_the_stated_setting_is_given_the_client(release: Release) -> None:
    pairs = fit_attack(release, "attribute_classifier", {"epochs": 1, "augment": False})
    both = fit_attack(release, "attribute_classifier", {"epochs": 1})
    assert (pairs.attack.setting, pairs.attack.client) == (Setting.AUXILIARY, None)
    assert both.attack.setting is Setting.AUXILIARY_WHITEBOX
    assert both.attack.client is not None


def test_a_ceiling_needs_the_answers_of_the_split(release: Release) -> None:
    fitted = fit_attack(release, "raw_image_classifier", {"epochs": 1})
    assert fitted.predict("test").header.ceiling


@pytest.mark.parametrize("name", ["prior", "pixel_optimization"])  # of one query; of every query
def test_an_attack_can_be_asked_about_the_first_images_only(
    release_of: MakeRelease, tmp_path: Path, name: str
) -> None:
    release = release_of("gaussian_noise")  # some images have repeated queries, in any order
    options: dict[str, Any] = {"track": "reconstruction"} if name == "prior" else quick(name)
    fitted = fit_attack(release, name, options)
    every, some = fitted.predict("test"), fitted.predict("test", images=5)
    assert list(some.sample_ids) == list(every.sample_ids)[:5]
    assert (some.values == every.values[:5]).all()
    assert (every.header.asked, some.header.asked) == (None, 5)
    some.write(tmp_path / "some.parquet")
    report = score(release, tmp_path / "some.parquet")
    assert (report.asked, report.scores["ssim"].n, report.anchors["copy"]["ssim"].n) == (5, 5, 5)
    with pytest.raises(
        UsageError, match="1000 images of 'test' were to be asked about, but it has"
    ):
        fitted.predict("test", images=1000)


def test_the_header_says_how_many_images_the_score_needs(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    some = fit_attack(release, "prior", {}).predict("validation", images=5)
    for asked, sentence in (
        (None, "ids have no prediction"),
        (6, "1 of 6 ids have no prediction"),
        (4, "1 ids are not asked for"),
        (1000, "asked about 1000 images, but 'validation' has"),
    ):
        header = some.header.model_copy(update={"asked": asked})
        replace(some, header=header).write(path)
        with pytest.raises(BadPredictions, match=sentence):
            score(release, path)
