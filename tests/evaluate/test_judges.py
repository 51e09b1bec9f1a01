"""Judges: trained on others, kept in one plain file, refused where they may know the answer."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from leakboard.evaluate import Judge, load_judge, read_truth, score, train_judge
from leakboard.evaluate.judging.judges import judge_of, write_judge
from leakboard.schemas import (
    LeakboardError,
    MissingData,
    PredictionHeader,
    Predictions,
    Release,
    ScoreReport,
    Setting,
    Track,
    UnknownName,
    UsageError,
)
from leakboard.schemas.files import sha256_of

EMBEDDER = """
from torch import nn

class Colour(nn.Module):
    \"\"\"The image in 4 x 4 patches.\"\"\"

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 4).flatten(1) + 0.01

class Picture(nn.Module):
    def forward(self, images):
        return images

class Nothing(nn.Module):
    def forward(self, images):
        return 0 * images.flatten(1)

one = Colour()
words = "no network"
"""


@pytest.fixture(scope="session")
def judge_file(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge of the 27 drawn people of the tiny release's defender split: seconds to train."""
    path = tmp_path_factory.mktemp("judges") / "quick.safetensors"
    train_judge(release, path, epochs=20)
    return path


@pytest.fixture(scope="session")
def judge(judge_file: Path) -> Judge:
    return load_judge(str(judge_file))


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a user's module with judges of his own."""
    (tmp_path / "users_judges.py").write_text(EMBEDDER)
    monkeypatch.syspath_prepend(tmp_path)
    return "users_judges"


def pictures(release: Release, split: str) -> NDArray[np.uint8]:
    inputs: NDArray[np.uint8] = read_truth(release, split, None).known("inputs").numpy()
    return inputs.transpose(0, 2, 3, 1)


def rebuilt(release: Release, path: Path, images: NDArray[Any], split: str = "test") -> Path:
    """A prediction file with `images` for a split, in record order."""
    header = PredictionHeader.parse(
        {
            "fingerprint": release.manifest.fingerprint,
            "split": split,
            "track": Track.RECONSTRUCTION if images.ndim == 4 else Track.ATTRIBUTE,
            "attack": "handmade",
            "setting": Setting.AUXILIARY,
            "auxiliary_records": 1,
            "leakboard_version": "0",
        },
        "header",
    )
    Predictions(header, read_truth(release, split, None).sample_id, images).write(path)
    return path


# Recognition -------------------------------------------------------------------------------------


def test_a_quick_judge_recognises_people_it_was_not_trained_on(
    release: Release, judge: Judge, tmp_path: Path
) -> None:
    report = score(
        release, rebuilt(release, tmp_path / "p.parquet", pictures(release, "test")), None, [judge]
    )
    (facts,) = report.judges
    assert (facts.gallery, facts.probes, facts.impostor_pairs) == (9, 27, 27 * 8)
    assert facts.chance == 1 / 9
    found = report.scores["rank1"]
    assert found.n == 27
    assert found.low > facts.chance
    assert report.scores["ssim"].n == 36
    assert report.anchors["copy"]["rank1"] == found
    assert report.anchors["mean_image"]["rank1"].value == pytest.approx(facts.chance)
    assert "needs at least 1000 impostor pairs, but there are 216" in report.missing["tar_at_far"]
    assert ScoreReport.model_validate_json(report.model_dump_json()) == report


def test_each_judge_is_named_with_its_own_scores(
    release: Release, judge: Judge, outside: str, tmp_path: Path
) -> None:
    other = load_judge(f"{outside}:Colour")
    path = rebuilt(release, tmp_path / "p.parquet", pictures(release, "test"))
    first, second = (score(release, path, None, [one]) for one in (judge, other))
    both = score(release, path, None, [judge, other])
    assert [facts.name for facts in both.judges] == ["quick", "users_judges:Colour"]
    assert both.scores["rank1"] == first.scores["rank1"]
    named = both.scores["rank1@users_judges:Colour"]
    assert replace_name(named, "rank1") == second.scores["rank1"]
    assert set(both.scores) == {*first.scores, "rank1@users_judges:Colour"}
    with pytest.raises(UsageError, match="two judges have one name among quick, quick"):
        score(release, path, None, [judge, judge])


def replace_name(one: Any, name: str) -> Any:
    return one.model_copy(update={"metric": name})


def test_the_report_is_the_same_with_any_number_of_threads(
    release: Release, judge: Judge, tmp_path: Path
) -> None:
    path = rebuilt(release, tmp_path / "p.parquet", pictures(release, "test"))
    before = torch.get_num_threads()
    reports = set()
    for count in (1, 2):
        torch.set_num_threads(count)
        reports.add(score(release, path, None, [judge]).model_dump_json())
        assert torch.get_num_threads() == count
    torch.set_num_threads(before)
    assert len(reports) == 1


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch(
    release: Release, judge: Judge
) -> None:
    images = pictures(release, "test")
    together = judge.embed(images)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-3)
    alone = np.concatenate([judge.embed(image[None]) for image in images])
    assert together == pytest.approx(alone, abs=2**-14)
    steps = together * 2**15
    assert (steps == np.rint(steps)).all()


# The file ----------------------------------------------------------------------------------------


def test_a_judge_comes_back_from_its_file(
    release: Release, judge: Judge, judge_file: Path, tmp_path: Path
) -> None:
    assert judge.header is not None
    assert (judge.name, judge.sha256) == ("quick", sha256_of(judge_file))
    assert judge.header.fingerprint == release.manifest.fingerprint
    assert (judge.header.splits, judge.header.subjects, judge.header.images) == (
        ("defender",),
        27,
        108,
    )
    assert judge.header.versions["torch"] == version("torch")
    assert judge.header.validation["rank1"].n == 15
    write_judge(tmp_path / "quick.safetensors", judge.network, judge.header)
    assert (tmp_path / "quick.safetensors").read_bytes() == judge_file.read_bytes()


def test_the_same_seed_trains_the_same_judge(release: Release, tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "c.safetensors"]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        train_judge(release, file, epochs=1, seed=seed)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() != files[2].read_bytes()


def test_a_damaged_judge_is_refused_in_a_sentence(judge_file: Path, tmp_path: Path) -> None:
    whole = judge_file.read_bytes()
    tensors = safetensors.torch.load(whole)
    header = load_judge(str(judge_file)).header
    assert header is not None
    key = {"leakboard": header.model_dump_json()}
    stranger = {"leakboard": header.model_dump_json().replace('"judge"', '"client"')}
    first = next(name for name in sorted(tensors) if tensors[name].is_floating_point())
    damaged = {
        "cut short": whole[: len(whole) // 2],
        "empty": b"",
        "no safetensors": b"\x80\x04 a pickle, perhaps" * 100,
        "no header": safetensors.torch.save(tensors),
        "header is no JSON": safetensors.torch.save(tensors, {"leakboard": "{"}),
        "header of something else": safetensors.torch.save(tensors, stranger),
        "a layer is missing": safetensors.torch.save(
            {name: tensor for name, tensor in tensors.items() if name != first}, key
        ),
        "a layer of another shape": safetensors.torch.save(
            tensors | {first: torch.zeros(1, 2)}, key
        ),
        "not finite": safetensors.torch.save(
            tensors | {first: torch.full_like(tensors[first], torch.nan)}, key
        ),
    }
    for what, content in damaged.items():
        path = tmp_path / "damaged.safetensors"
        path.write_bytes(content)
        with pytest.raises(LeakboardError) as refused:
            load_judge(str(path))
        assert str(path) in str(refused.value), what
        assert len(str(refused.value).splitlines()) == 1, what
    with pytest.raises(MissingData, match="train one with `leakboard judge"):
        load_judge(str(tmp_path / "nowhere.safetensors"))


def test_every_flipped_bit_of_the_header_is_refused_or_changes_the_hash(
    judge: Judge, judge_file: Path, tmp_path: Path
) -> None:
    whole = bytearray(judge_file.read_bytes())
    path = tmp_path / "quick.safetensors"
    refusals = []
    for place in range(0, 2000, 53):
        whole[place] ^= 1
        path.write_bytes(whole)
        try:
            assert load_judge(str(path)).sha256 != judge.sha256
        except LeakboardError as refused:
            refusals.append(str(refused))
        whole[place] ^= 1
    assert refusals
    assert all(len(refusal.splitlines()) == 1 for refusal in refusals)


# What may be judged ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image_size": 64}, "sees images of 64 pixels, but those of tiny have 32"),
        ({"secret": "0" * 64}, "divided by another secret or of another revision"),
        ({"revision": "0"}, "divided by another secret or of another revision"),
    ],
)
def test_a_judge_who_may_know_the_subjects_is_refused(
    release: Release, judge: Judge, change: dict[str, Any], says: str
) -> None:
    assert judge.header is not None
    other = replace(judge, header=judge.header.model_copy(update=change))
    with pytest.raises(UsageError, match=says):
        other.check(release, "test")
    elsewhere = judge.header.model_copy(update={"dataset": "other", "secret": "0" * 64})
    replace(judge, header=elsewhere).check(release, "test")


def test_a_judge_may_not_judge_whom_it_was_trained_on(
    release: Release, judge: Judge, tmp_path: Path
) -> None:
    path = rebuilt(release, tmp_path / "p.parquet", pictures(release, "defender"), "defender")
    with pytest.raises(UsageError, match="was trained on the subjects of 'defender'"):
        score(release, path, None, [judge])


def test_a_judge_has_nothing_to_say_of_attributes(
    release: Release, judge: Judge, tmp_path: Path
) -> None:
    path = rebuilt(release, tmp_path / "p.parquet", np.full((36, 2), 0.5, np.float32))
    with pytest.raises(UsageError, match="leave out --judge"):
        score(release, path, None, [judge])


def test_where_nobody_has_two_images_there_is_nobody_to_learn(
    handmade: Release, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nobody in auxiliary has two images") as refused:
        train_judge(alone(handmade), tmp_path / "judge.safetensors", splits=["auxiliary"])
    assert "use a release of a dataset with identities" in str(refused.value)


def alone(release: Release) -> Release:
    """The release with only the first image of everyone in a split."""

    class Alone(Release):
        def table(self, split: str, columns: tuple[str, ...]) -> Any:
            table = super().table(split, columns)
            return table.take(list(range(0, table.num_rows, 2)))

    return Alone(release.folder, release.manifest)


# A judge of the user's own -----------------------------------------------------------------------


def test_a_users_own_module_judges(outside: str, release: Release) -> None:
    made, instance = load_judge(f"{outside}:Colour"), load_judge(f"{outside}:one")
    images = pictures(release, "validation")
    assert made.embed(images).shape == (20, 48)
    assert (made.embed(images) == instance.embed(images)).all()
    assert made.name == "users_judges:Colour"
    assert made.header is None
    made.check(release, "test")


def test_a_users_module_is_known_by_its_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Linear(2, 2)
    before = judge_of("mine", network).sha256
    assert judge_of("mine", network).sha256 == before
    with torch.no_grad():
        network.bias.add_(1)
    assert judge_of("mine", network).sha256 != before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Picture", "expected a tensor (N, D) of embeddings, but got (20, 3, 32, 32)"),
        ("Nothing", "expected embeddings with a direction"),
    ],
)
def test_a_module_that_gives_no_embeddings_is_refused(
    outside: str, release: Release, name: str, says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        load_judge(f"{outside}:{name}").embed(pictures(release, "validation"))
    assert says in str(refused.value)


@pytest.mark.parametrize("name", ["words", "Missing", "Colour.forward"])
def test_what_is_no_module_is_no_judge(outside: str, name: str) -> None:
    with pytest.raises(UnknownName):
        load_judge(f"{outside}:{name}")
