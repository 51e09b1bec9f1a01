"""The engine's steps give what the networks give, however much of a batch they see at once."""

import pytest
import torch

from leakboard.benchmarks._stages import engine_of, slices_of
from leakboard.generate import engine as steps
from leakboard.generate.engine import Engine, to_float16, to_unit_range
from leakboard.generate.noise import RecordNoise
from leakboard.schemas import ActivationOverflow

SEEDS = [2**64 - 1, 3, 5, 7, 11]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_of(32, len(SEEDS))


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 64])
def test_a_client_that_sees_parts_of_a_batch_sends_the_same(
    engine: Engine, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is drawn, here the pruned channels: the noise of a record is its own."""
    images = engine.dataset.images(range(len(SEEDS)))
    whole = to_float16(engine.client(to_unit_range(images), RecordNoise(SEEDS)))
    kept = whole.ne(0).any(dim=3).any(dim=2)
    assert len(kept.unique(dim=0)) > 1

    monkeypatch.setattr(steps, "PIXELS", at_once * 32 * 32)
    made = engine.activations(images, SEEDS)
    assert torch.equal(made.ne(0).any(dim=3).any(dim=2), kept)
    torch.testing.assert_close(made, whole, rtol=2e-3, atol=2e-3)


def test_records_do_not_depend_on_the_layout_in_memory(engine: Engine) -> None:
    (part,) = slices_of(len(SEEDS), 1)
    encoded, images = engine.decoded(part.records)
    sent = engine.activations(images, SEEDS)
    rows = sent.contiguous()
    assert sent.stride() != rows.stride()
    logits = engine.logits(rows)
    torch.testing.assert_close(engine.logits(sent), logits, rtol=1e-5, atol=1e-5)
    made = (engine.arrow(part.records, encoded, layout, logits) for layout in (sent, rows))
    assert next(made) == next(made)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 65520.0, -65520.0])
def test_what_float16_cannot_hold_is_refused(value: float) -> None:
    activation = torch.zeros(2, 3, 4, 4)
    activation[1, 2, 3, 0] = value
    with pytest.raises(ActivationOverflow, match="float16"):
        to_float16(activation)
