"""croissant.json is valid by MLCommons' own library, which reads the records through it."""

import json
from itertools import islice

import numpy as np
import pytest

from leakboard.schemas import Release, public_columns
from leakboard.schemas.records import PUBLIC_SPLITS

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library and of what it imports


@pytest.mark.parametrize("suffix", ["", "-wds"])
def test_it_is_valid(release: Release, suffix: str) -> None:
    """It has all that is asked for but a date: a release is the same bytes whenever it is made."""
    import mlcroissant

    path = release.folder.with_name(f"none{suffix}") / "croissant.json"
    metadata = mlcroissant.Dataset(jsonld=path).metadata
    assert metadata.name == "tiny-s0"
    assert not metadata.issues.errors
    assert len(metadata.issues.warnings) == 1
    assert "datePublished" in str(metadata.issues.warnings)


def test_the_files_are_those_of_the_manifest(release: Release) -> None:
    content = json.loads((release.folder / "croissant.json").read_text("utf-8"))
    files = {
        file["contentUrl"]: (file["contentSize"], file["sha256"])
        for file in content["distribution"]
        if file["@type"] == "cr:FileObject"
    }
    shards = release.manifest.shards
    assert files == {shard.path: (f"{shard.bytes} B", shard.sha256) for shard in shards}


@pytest.mark.parametrize("split", PUBLIC_SPLITS)
def test_the_records_are_read_through_it(
    release: Release, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlcroissant

    monkeypatch.chdir(release.folder)
    dataset = mlcroissant.Dataset(jsonld=release.folder / "croissant.json")
    columns = public_columns(split)
    table = release.table(split, columns)
    for number, record in enumerate(islice(dataset.records(split), 3)):
        assert set(record) == {f"{split}/{name}" for name in columns}
        expected = table.slice(number, 1).to_pylist()[0]
        assert record[f"{split}/sample_id"].decode() == expected["sample_id"]
        activation = np.asarray(record[f"{split}/activation"], np.float16)
        assert np.array_equal(activation, np.array(expected["activation"], np.float16))
