"""Bad input: one sentence, exit code 1 or 2, nothing written and nothing lost."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leakboard.schemas import Release

from ..tiny import MakeRelease
from .conftest import Run

CONFIG = """
name = "tiny"
scale = "smoke"

[dataset]
name = "synthetic"
task = "smiling"
sensitive = "gender"
size = 32
images = 240
identities = 60

[defense]
name = "disco"
ratio = 0.6

[training]
warmup_epochs = 0
epochs = 1
batch_size = 64
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("dataset.name=cifar01", "there is no dataset 'cifar01': did you mean 'cifar10'?"),
        ("defense.name=dsico", "there is no defense 'dsico': did you mean 'disco'?"),
        ("defense.raito=0.5", "defense disco has no option 'raito': did you mean 'ratio'?"),
        ("defense.ratio=1.5", "defense disco: option 'ratio' cannot be 1.5"),
        ("defense.ratio=high", "defense disco: option 'ratio' cannot be 'high'"),
        ("dataset.task=smilling", "has no attribute 'smilling': did you mean 'smiling'?"),
        ("dataset.imagse=3", "dataset synthetic has no option 'imagse': did you mean 'images'?"),
        ("training.epohcs=3", "unknown key 'training.epohcs': did you mean 'epochs'?"),
        ("sede=1", "unknown key 'sede': did you mean 'seed'?"),
        ("seed=-1", "seed: input should be greater than or equal to 0, but got -1"),
        ("client.split_layer=layer9", "client.split_layer: input should be"),
        ("seed", "--set takes key=value, but got 'seed'"),
    ],
)
def test_a_wrong_configuration(
    run: Run, config: Path, tmp_path: Path, change: str, says: str
) -> None:
    ran = run("generate", config, "--out", tmp_path / "out", "--set", change)
    assert ran.code == 2
    assert says in ran.sentence
    assert sorted(tmp_path.iterdir()) == [config]


def test_a_configuration_that_is_not_there_or_not_toml(run: Run, tmp_path: Path) -> None:
    ran = run("generate", tmp_path / "no.toml", "--out", tmp_path / "out")
    assert (ran.code, "there is no such configuration file" in ran.sentence) == (2, True)
    (tmp_path / "bad.toml").write_text("name = ")
    ran = run("generate", tmp_path / "bda.toml", "--out", tmp_path / "out")
    assert "did you mean 'bad.toml'?" in ran.sentence
    ran = run("generate", tmp_path / "bad.toml", "--out", tmp_path / "out")
    assert (ran.code, "is not a TOML file" in ran.sentence) == (2, True)


@pytest.mark.parametrize("dataset", ["cifar10", "fairface", "celeba"])
def test_a_missing_data_folder(run: Run, tmp_path: Path, dataset: str) -> None:
    recipe = Path(__file__).parents[2] / "configs" / f"{dataset}-none.toml"
    for arguments in ([], ["--data", str(tmp_path / "nowhere")]):
        ran = run("generate", recipe, "--out", tmp_path / "out", *arguments)
        assert ran.code == 2
        assert ran.sentence
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_to_be_in_one_sentence_of_ours(
    run: Run, tmp_path: Path
) -> None:
    """Not in the words that the Hub's client has for a name with too many slashes."""
    recipe = Path(__file__).parents[2] / "configs" / "celeba-none.toml"
    ran = run("generate", recipe, "--out", tmp_path / "out", "--data", "/no/where")
    assert (
        "there is no folder /no/where, and it is not the name of a dataset at the Hub; give --data "
        "flwrlabs/celeba, a folder with" in ran.sentence
    )


def test_a_run_that_could_not_begin_leaves_no_secret(
    run: Run, config: Path, tmp_path: Path
) -> None:
    ran = run("generate", config, "--out", tmp_path / "out", "--limit", 1)
    assert (ran.code, "would leave the split" in ran.sentence) == (2, True)
    assert list(tmp_path.iterdir()) == [config]


def test_a_corrupt_image(run: Run, tmp_path: Path) -> None:
    """Every image is cut short; the run stops at the first and names it."""
    folder = tmp_path / "cifar10"
    folder.mkdir()
    images = [{"bytes": b"\xff\xd8\xff\xe0 cut short", "path": None}] * 400
    labels = [row % 10 for row in range(400)]
    for split in ("train", "test"):
        table = pa.table({"img": images, "label": labels})
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    recipe = Path(__file__).parents[2] / "configs" / "cifar10-none.toml"
    ran = run("generate", recipe, "--data", folder, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "cannot be decoded" in ran.sentence
    assert "train-00000/" in ran.sentence
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists(run: Run, config: Path, release: Release, tmp_path: Path) -> None:
    ran = run("generate", config, "--out", release.folder)
    assert ran.code == 2
    assert f"{release.folder} is a finished release" in ran.sentence
    assert f"check it with `leakboard verify {release.folder}`" in ran.sentence
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    ran = run("generate", config, "--out", tmp_path / "out")
    assert (ran.code, "not empty; choose another --out" in ran.sentence) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("attack", "prior", "RELEASE"), "--out"),
        (("attack", "prior", "RELEASE", "--out", "new"), "--save-model"),
        (("run-model", "RELEASE", "m.onnx", "--track", "attribute"), "--out"),
        (("judge", "RELEASE"), "--out"),
        (("bound", "jacobian", "RELEASE"), "--out"),
        (("bound", "jacobian", "RELEASE"), "--pictures"),
    ],
    ids=lambda part: "-".join(part[:1]) if isinstance(part, tuple) else part,
)
def test_what_is_there_is_never_replaced(
    run: Run, release: Release, tmp_path: Path, arguments: tuple[str, ...], option: str
) -> None:
    named = [{"RELEASE": release.folder, "new": tmp_path / "new"}.get(a, a) for a in arguments]
    taken = tmp_path / "taken"
    taken.write_text("mine")
    ran = run(*named, option, taken)
    assert (ran.code, f"{taken} exists; remove it, or choose another {option}" in ran.sentence) == (
        2,
        True,
    )
    assert taken.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [taken]


def test_an_unknown_attack_and_option(run: Run, release: Release, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    ran = run("attack", "decodre", release.folder, "--out", out)
    assert ran.code == 2
    assert "there is no attack 'decodre': did you mean 'decoder'?" in ran.sentence
    ran = run("attack", "decoder", release.folder, "--out", out, "--set", "epoch=1")
    assert ran.code == 2
    assert "attack decoder has no option 'epoch': did you mean 'epochs'?" in ran.sentence
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [["verify", "."], ["attack", "prior", ".", "--out", "p"], ["score", ".", "p"]],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_folder_that_is_not_a_release(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert (ran.code, "expected a release" in ran.sentence) == (2, True)


def test_damage_is_named_by_verify(run: Run, release: Release, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(release.folder, folder)
    shard = folder / release.manifest.shards_of("test")[0].path
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    ran = run("verify", folder, "--json")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert found["ok"] is False
    assert [p["file"] for p in found["problems"]] == [shard.relative_to(folder).as_posix()]


def test_an_attack_on_a_flipped_byte_in_a_shard_or_in_weights(
    run: Run, release: Release, tmp_path: Path
) -> None:
    for name in (release.manifest.shards_of("auxiliary")[0].path, "weights/client.safetensors"):
        folder = tmp_path / Path(name).name
        shutil.copytree(release.folder, folder)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 3] ^= 1
        (folder / name).write_bytes(content)
        out = tmp_path / "p.parquet"
        ran = run("attack", "attribute_classifier", folder, "--out", out, "--set", "epochs=1")
        assert ran.code == 1
        assert "not those that the manifest promises" in ran.sentence
        assert not out.exists()


def test_a_manifest_of_a_newer_schema(run: Run, release: Release, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(release.folder, folder)
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    ran = run("verify", folder)
    assert (ran.code, "newer than this package reads" in ran.sentence) == (1, True)


def test_test_answers_that_are_not_there(run: Run, release: Release, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    assert run("attack", "prior", release.folder, "--out", out, "--split", "test").code == 0
    ran = run("score", release.folder, out, "--truth", tmp_path / "nowhere")
    assert (ran.code, "use --split validation" in ran.sentence) == (2, True)


def test_predictions_that_are_a_folder(run: Run, release: Release, tmp_path: Path) -> None:
    ran = run("score", release.folder, tmp_path)
    assert (ran.code, "but it is a folder; name a file in it" in ran.sentence) == (2, True)


def test_predictions_of_another_release(
    run: Run, release: Release, release_of: MakeRelease, tmp_path: Path
) -> None:
    out = tmp_path / "p.parquet"
    assert run("attack", "prior", release.folder, "--out", out).code == 0
    ran = run("score", release_of("disco").folder, out)
    assert (ran.code, "run the attack on this release" in ran.sentence) == (1, True)


def test_an_overflow(run: Run, config: Path, tmp_path: Path) -> None:
    changes = ["--set", "defense.name=gaussian_noise", "--set", "defense.sigma=1e6"]
    text = config.read_text().replace("ratio = 0.6\n", "")
    config.write_text(text)
    ran = run("generate", config, "--out", tmp_path / "out", *changes)
    assert (ran.code, "within float16" in ran.sentence) == (1, True)
    assert not (tmp_path / "out").exists()


def test_an_unknown_record(run: Run) -> None:
    ran = run("schema", "manifets")
    assert (ran.code, "did you mean 'manifest'?" in ran.sentence) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), None),
        (
            ("generat",),
            "no such command 'generat'. Did you mean 'generate'? (see `leakboard --help`)",
        ),
        (("generate",), "missing argument 'CONFIG' (see `leakboard generate --help`)"),
        (("generate", "c.toml"), "missing option '--out' (see `leakboard generate --help`)"),
        (
            ("verify", "r", "--recomptue", "1"),
            "no such option '--recomptue'. Did you mean '--recompute'?",
        ),
        (
            ("verify", "r", "--recompute", "0"),
            "invalid value for '--recompute': 0 is not in the range",
        ),
        (
            ("run-model", "r", "m", "--out", "o"),
            "missing option '--track'. Choose from: attribute,",
        ),
        (
            ("generate", "c", "--out", "o", "--rank", "1"),
            "--rank I and --world N go together; give both",
        ),
    ],
)
def test_a_usage_error_is_one_sentence_and_exits_with_2(
    run: Run, arguments: tuple[str, ...], says: str | None
) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    if says is None:
        assert "Commands:" in ran.err
    else:
        assert ran.err.splitlines() == [ran.sentence]
        assert ran.sentence.startswith(f"leakboard: {says}")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--rank", "1"), "--rank I and --world N go together"),
        (("--world", "2"), "--rank I and --world N go together"),
        (("--rank", "2", "--world", "2"), "expected a rank in 0 .. 1"),
        (("--engine", "ray", "--rank", "0", "--world", "2"), "leave out --rank"),
        (("--address", "ray://here"), "add --engine ray"),
    ],
)
def test_ways_of_sharing_work_that_do_not_fit_are_refused(
    run: Run, config: Path, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ran = run("generate", config, "--out", tmp_path / "out", *options)
    assert ran.code == 2
    assert says in ran.err
    assert not (tmp_path / "out.partial").exists()
