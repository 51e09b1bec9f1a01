"""Averaging repeated queries finds what the noise of a single one hides."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from leakboard.evaluate.attacks._averaging import AveragingAttack
from leakboard.evaluate.attacks.averaging_decoder import AveragingDecoder
from leakboard.evaluate.attacks.query_averaging import QueryAveraging
from leakboard.evaluate.reading.records import Records, read_records

from ..tiny import MakeRelease

SHAPE = (8, 4, 4)
QUERIES = 64


@dataclass(frozen=True)
class NoisyBrightness:
    """A client that sends the brightness of an image in noise."""

    deviation: float

    def augment(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images.float() / 255

    def ask(self, images: Tensor, image_of: Tensor, generator: torch.Generator) -> Tensor:
        brightness = images.mean(dim=(1, 2, 3))[image_of, None, None, None]
        return brightness + self.deviation * torch.randn(len(image_of), *SHAPE, generator=generator)


def with_brightness(records: Records, client: NoisyBrightness, queries: int) -> Records:
    """Show a white image for label 1 and a black one for label 0, asked about so many times."""
    labels = records.known("sensitive")[:, None, None, None]
    inputs = (255 * labels).expand(-1, 3, 32, 32).to(torch.uint8)
    image_of = torch.arange(len(records)).repeat_interleave(queries)
    sent = client.ask(inputs / 255, image_of, torch.Generator().manual_seed(queries))
    facts = records.manifest.client.model_copy(update={"activation_shape": SHAPE})
    return replace(
        replace(records, inputs=inputs).select(image_of),
        manifest=records.manifest.model_copy(update={"client": facts}),
        query=torch.arange(queries).repeat(len(records)),
        activation=sent,
    )


def once_and_often(
    attack: AveragingAttack, client: NoisyBrightness, release_of: MakeRelease
) -> tuple[Tensor, Tensor]:
    """Whether it is right about each image, from one query and from 64."""
    release = release_of("gaussian_noise")
    attack.client = client
    attack.fit(with_brightness(read_records(release, "auxiliary"), client, 1))
    test = with_brightness(read_records(release, "defender"), client, QUERIES)
    questions, first = test.without_answers(), test.query == 0
    once, often = attack.predict(questions.first_queries()), attack.predict(questions)[first]
    truth = test.known("sensitive")[first]
    return (said(once) == truth).double(), (said(often) == truth).double()


def said(answers: Tensor) -> Tensor:
    """The likelier class, or whether an image is rather white than black."""
    return answers.argmax(dim=1) if answers.dim() == 2 else answers.mean(dim=(1, 2, 3)).round()


@pytest.mark.parametrize(
    ("attack", "deviation", "most_once", "least_often"),
    [
        (QueryAveraging(epochs=20, queries=QUERIES), 16.0, 0.8, 0.9),
        (AveragingDecoder(epochs=40, queries=QUERIES), 6.0, 0.92, 0.95),
    ],
)
def test_averaging_queries_finds_what_one_query_hides(
    attack: AveragingAttack,
    deviation: float,
    most_once: float,
    least_often: float,
    release_of: MakeRelease,
) -> None:
    """128 numbers of ±1/2 in noise of 16: the best guess is right with Φ(.35) = .64 from one query
    and with Φ(2.8) = .998 from 64; in noise of 6 with Φ(.94) = .83 and Φ(7.5)."""
    once, often = once_and_often(attack, NoisyBrightness(deviation), release_of)
    assert once.mean() < most_once
    assert often.mean() > least_often
