import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard.schemas import BadConfig, Config, MissingData, parse_assignment

from .conftest import recipe_with

DISCO = """
name = "synthetic-disco"
scale = "smoke"

[dataset]
name = "synthetic"
task = "smiling"
sensitive = "gender"
size = 32
correlation = 0.3

[defense]
name = "disco"
ratio = 0.6

[training]
warmup_epochs = 1
epochs = 2
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "synthetic-disco.toml"
    path.write_text(DISCO)
    return path


def test_what_the_schema_does_not_name_is_an_option_of_the_plug_in(path: Path) -> None:
    config = Config.read(path)
    assert config.dataset.options == {"correlation": 0.3}
    assert config.defense.options == {"ratio": 0.6}
    assert (config.seed, config.client.split_layer) == (0, "layer1")


def test_a_config_is_the_same_after_json(path: Path) -> None:
    config = Config.read(path, ("seed=3",))
    again = Config.parse(json.loads(config.to_json()), "again")
    assert again == config
    assert again.config_id == config.config_id


def test_set_changes_one_key_and_makes_tables(path: Path) -> None:
    changed = Config.read(path, ("seed=7", "defense.ratio=0.9", "client.split_layer=layer2"))
    assert (changed.seed, changed.defense.options["ratio"]) == (7, 0.9)
    assert changed.client.split_layer == "layer2"
    assert changed.release_name == "synthetic-disco-s7"


@given(st.integers(0, 2**31 - 1))
def test_all_seeds_of_a_recipe_share_the_config_id(seed: int) -> None:
    recipe = Config.model_validate(recipe_with())
    assert Config.model_validate(recipe_with(seed=seed)).config_id == recipe.config_id


def test_the_name_does_not_enter_the_config_id_and_all_else_does() -> None:
    same = [recipe_with(), recipe_with(name="other"), recipe_with(seed=1)]
    other = [
        recipe_with(scale="paper"),
        recipe_with(ranked=False),
        recipe_with(dataset={"task": "gender"}),
        recipe_with(dataset={"correlation": 0.31}),
        recipe_with(client={"split_layer": "layer2"}),
        recipe_with(defense={"ratio": 0.61}),
        recipe_with(defense={"name": "none"}),
        recipe_with(training={"epochs": 3}),
    ]
    assert len({Config.model_validate(recipe).config_id for recipe in same}) == 1
    assert len({Config.model_validate(recipe).config_id for recipe in [same[0], *other]}) == 9


def test_the_order_of_options_does_not_matter() -> None:
    options = {"ratio": 0.6, "utility_weight": 2.0}
    turned = dict(reversed(options.items()))
    one = Config.model_validate(recipe_with(defense=options))
    other = Config.model_validate(recipe_with(defense=turned))
    assert one.config_id == other.config_id
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("colour='red'", "unknown key 'colour'"),
        ("client.depth=18", r"unknown key 'client\.depth'"),
        ("training.epochs='many'", r"training\.epochs: .*valid integer.*'many'"),
        ("training.epochs=-1", r"training\.epochs: .*greater than or equal to 0.*-1"),
        ("training.learning_rate=nan", r"training\.learning_rate: .*finite"),
        ("client.split_layer=layer5", r"client\.split_layer: .*'layer4'.*'layer5'"),
        ("client.network=resnet81", r"client\.network: .*'resnet34' or an object path.*'resnet81'"),
        ("scale=huge", "scale: .*'paper'.*'huge'"),
        ("name=Not a name", "name: .*pattern"),
        ("defense=disco", "defense: .*dictionary.*'disco'"),
        ("seed.x=1", "'seed' is not a table"),
        ("seed", "--set takes key=value, but got 'seed'"),
        ("=1", "--set takes key=value, but got '=1'"),
    ],
)
def test_a_bad_change_is_refused_in_one_sentence(path: Path, change: str, message: str) -> None:
    with pytest.raises(BadConfig, match=message) as refused:
        Config.read(path, ("seed=1", change))
    assert "\n" not in str(refused.value)


def test_a_network_of_ones_own_is_split_at_any_name_and_its_weights_are_in_the_recipe() -> None:
    own = {"network": "my_package.my_models:make_net", "split_layer": "features.5"}
    fresh = Config.model_validate(recipe_with(client=own))
    started = Config.model_validate(recipe_with(client={**own, "weights": "net.safetensors"}))
    assert "weights" not in fresh.model_dump(mode="json")["client"]
    assert fresh.config_id != started.config_id
    assert Config.parse(json.loads(started.to_json()), "again") == started


def test_a_missing_key_and_every_other_problem_are_named_at_once(path: Path) -> None:
    path.write_text(DISCO.replace('scale = "smoke"', "sclae = 1").replace("size = 32", "size = 4"))
    with pytest.raises(BadConfig) as refused:
        Config.read(path)
    for problem in ("key 'scale' is missing", "unknown key 'sclae'", "dataset.size: "):
        assert problem in str(refused.value)


def test_what_is_no_toml_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    for content in (b"name = ", b"\xff\xfe", b"a = 1\na = 2"):
        broken.write_bytes(content)
        with pytest.raises(BadConfig, match=r"broken\.toml is not a TOML file"):
            Config.read(broken)
    for absent in (tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(MissingData, match="there is no such configuration file"):
            Config.read(absent)


plain_values = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.lists(st.integers(-9, 9), max_size=3),
)


@given(st.from_regex(r"[a-z_]+(\.[a-z_]+){0,2}", fullmatch=True), plain_values)
def test_an_assignment_reads_back_what_toml_can_say(key: str, value: object) -> None:
    assert parse_assignment(f"{key}={json.dumps(value).replace('Infinity', 'inf')}") == (key, value)


@given(st.from_regex(r"[A-Za-z][A-Za-z /:+-]*", fullmatch=True))
def test_what_is_not_toml_is_text(text: str) -> None:
    expected = {"true": True, "false": False, "inf": float("inf")}.get(text, text)
    if text != "nan":
        assert parse_assignment(f"key={text}") == ("key", expected)
