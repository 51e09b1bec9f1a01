import json

import pytest

from leakboard.schemas import BadConfig, SchemaMismatch
from leakboard.schemas.scores import Direction, Score

SCORE = {
    "metric": "accuracy",
    "value": 0.5,
    "low": 0.4,
    "high": 0.6,
    "n": 10,
    "direction": "higher leaks more",
    "metric_version": 1,
}


def test_a_record_is_the_same_after_json_and_its_bytes_are_too() -> None:
    score = Score.parse(SCORE, "scores.json")
    assert score.direction is Direction.HIGHER_LEAKS_MORE
    assert Score.parse(json.loads(score.to_json()), "again") == score
    assert Score.parse_json(score.to_json(), "again") == score
    assert Score.parse(dict(reversed(SCORE.items())), "again").to_json() == score.to_json()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"vlaue": 0.5}, "unknown key 'vlaue'"),
        ({"value": float("nan")}, "value: .*finite"),
        ({"high": float("inf")}, "high: .*finite"),
        ({"n": 0}, "n: .*greater than or equal to 1, but got 0"),
        ({"low": 0.7}, r"interval \[0.7, 0.6\] is not ordered"),
        ({"direction": "up"}, "direction: .*'higher leaks more'.*'up'"),
    ],
    ids=str,
)
def test_what_a_score_cannot_be_is_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(SchemaMismatch, match=f"^scores.json: .*{problem}") as refused:
        Score.parse(SCORE | change, "scores.json")
    assert "\n" not in str(refused.value)
    with pytest.raises(SchemaMismatch, match=f"^scores.json: .*{problem}"):
        Score.parse_json(json.dumps(SCORE | change), "scores.json")


def test_every_missing_key_is_named_by_the_error_the_caller_asks_for() -> None:
    with pytest.raises(BadConfig) as refused:
        Score.parse({"metric": "accuracy"}, "here", BadConfig)
    for key in SCORE.keys() - {"metric"}:
        assert f"key {key!r} is missing" in str(refused.value)


@pytest.mark.parametrize("content", [[], "text", None, 3])
def test_what_is_no_object_is_refused(content: object) -> None:
    with pytest.raises(SchemaMismatch, match=r"the record: .*dictionary"):
        Score.parse(content, "scores.json")


def test_a_record_cannot_be_changed() -> None:
    score = Score.parse(SCORE, "scores.json")
    with pytest.raises(ValueError, match="frozen"):
        score.value = 1.0
