"""Networks that learn beside the generator: from real crops alone, and what they hold the generator to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.paint.grader import Grader, distance
from napari_histosynth.paint.lesson import Lesson
from napari_histosynth.paint.reader import Reader
from napari_histosynth.paint.restain import to_typical

NAN = float("nan")


def _lesson(seed: int = 0, grade: tuple[float, ...] = (0.0, 1.0, 0.0, 1.0)) -> Lesson:
    """Four crops: class 1 is dark; crops of grade 1 are dark altogether; what is drawn is gray."""
    generator = torch.Generator().manual_seed(seed)
    labels = (
        torch.randint(2, (4, 4, 4), generator=generator).repeat_interleave(12, 1).repeat_interleave(12, 2)
    )
    image = (
        0.6
        - labels[:, None].expand(-1, 3, -1, -1)
        - 0.3 * torch.tensor(grade).nan_to_num()[:, None, None, None]
    )
    image = image + 0.05 * torch.randn(image.shape, generator=generator)
    latent = torch.tensor(grade).nan_to_num()[:, None] * torch.ones(4, 3)
    batch = {"detail": np.zeros(4, np.uint8), "grade": np.array(grade, np.float32)}
    drawn = (0.1 * torch.randn(4, 3, 48, 48, generator=generator)).requires_grad_()
    one_hot = F.one_hot(labels, 2).permute(0, 3, 1, 2).float()
    return Lesson(image, drawn, one_hot, one_hot, latent[:3].clone().requires_grad_(), latent, batch)


def _train(aid: Reader | Grader, steps: int) -> list[float]:
    optimizer = torch.optim.Adam(aid.parameters(), 5e-3)
    errors = []
    for step in range(steps):
        error, _ = aid.teach(_lesson(step))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    return errors


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_a_reader_learns_to_find_the_labels_of_real_crops() -> None:
    errors = _train(Reader(2), 25)
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:5])


def test_a_grader_learns_the_grade_of_real_crops() -> None:
    errors = _train(Grader(3), 25)
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:5])


@pytest.mark.parametrize("aid", [Reader(2), Grader(3)], ids=["reader", "grader"])
def test_what_is_drawn_teaches_the_generator_and_not_its_judge(aid: Reader | Grader) -> None:
    lesson = _lesson()
    error, missed = aid.teach(lesson)
    assert torch.autograd.grad(error, [lesson.drawn], allow_unused=True, retain_graph=True) == (None,)
    (gradient,) = torch.autograd.grad(missed, [lesson.drawn])
    assert gradient.abs().max() > 0


def test_only_the_finest_labels_are_read() -> None:
    lesson = _lesson()
    coarse = replace(lesson, batch=lesson.batch | {"detail": np.array([1, 2, 1, 1], np.uint8)})
    error, missed = Reader(2).teach(coarse)
    assert float(error) == float(missed) == 0
    assert not error.requires_grad


def test_the_encoder_is_taught_the_grades_that_are_known() -> None:
    grader = Grader(3)
    lesson = _lesson(grade=(NAN, 1.0, NAN, 1.0))
    _, missed = grader.teach(lesson)
    (gradient,) = torch.autograd.grad(missed, [lesson.mean])
    assert (gradient[[0, 2]] == 0).all()
    assert (gradient[1] != 0).any()


def test_nothing_known_is_nothing_wrong() -> None:
    found = torch.ones(2, requires_grad=True)
    lost = distance(found, torch.tensor([NAN, NAN]))
    lost.backward()
    assert float(lost.detach()) == 0
    assert (found.grad == 0).all()


def test_a_grader_sees_pictures_in_the_typical_stain() -> None:
    grader = Grader(3)
    picture = torch.rand(1, 3, 32, 32) - 0.5
    with torch.no_grad():
        plain, told = grader.see(picture, torch.zeros(1, 9)), grader.see(picture, torch.full((1, 9), 0.8))
        assert plain != told
        assert told == grader.see(to_typical(picture, torch.full((1, 9), 0.8)), None)


def test_random_looks_are_moved_to_every_grade() -> None:
    grader = Grader(3)
    with torch.no_grad():
        grader.of_latent.weight.copy_(torch.tensor([[0.5, 0.0, 0.0]]))
        grader.of_latent.bias.fill_(0.4)
    looks = torch.cat([0.2 * torch.randn(64, 3), torch.randn(64, 9)], 1)
    moved = grader.spread(looks, looks[:0])
    told = grader.tell(moved[:, :3])
    assert 0 <= told.min() < 0.1
    assert 0.9 < told.max() <= 1
    assert torch.equal(
        moved[:, 1:], looks[:, 1:]
    )  # what does not tell the grade stays, and so does the stain


def test_a_look_is_not_moved_far_while_no_grade_is_learned() -> None:
    grader = Grader(3)
    with torch.no_grad():
        grader.of_latent.weight.fill_(1e-4)
    looks = torch.zeros(8, 3)
    assert torch.linalg.norm(grader.spread(looks, looks) - looks, dim=1).max() <= 3.0001


def test_looks_are_moved_the_way_in_which_real_ones_change_with_the_grade() -> None:
    torch.manual_seed(0)
    grade = torch.rand(400, 1)
    # the first number tells the grade; the second goes along with it; the third is something else
    known = torch.cat([grade, 3 * grade, torch.randn(400, 1)], 1) + 0.02 * torch.randn(400, 3)
    grader = Grader(3)
    with torch.no_grad():
        grader.of_latent.weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
        grader.of_latent.bias.zero_()
    way = grader.way(known)
    assert float(way @ grader.of_latent.weight[0].detach()) == pytest.approx(1)
    assert 1.5 < float(way[1]) < 3
    assert abs(float(way[2])) < 0.3
    looks = known[:32]
    moved = grader.spread(looks, known)
    along = (moved - looks) @ way / way.norm()
    assert torch.allclose(along[:, None] * way / way.norm(), moved - looks, atol=1e-5)
