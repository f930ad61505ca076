"""Seeds, locks and the way back."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest

from napari_histosynth.ui.look import GivenStyle, Look, Looks, packed


@pytest.fixture
def looks() -> Looks:
    return Looks(random.Random(1))


def test_a_new_look_changes_the_latent_and_keeps_the_texture(looks: Looks) -> None:
    assert looks.renew()
    assert looks.present.latent_seed != 0
    assert looks.present.seed == 0


def test_unlocked_seeds_both_change(looks: Looks) -> None:
    looks.lock_seed = False
    before = looks.present
    looks.renew()
    assert looks.present.latent_seed != before.latent_seed
    assert looks.present.seed != before.seed


def test_locked_seeds_stay(looks: Looks) -> None:
    looks.lock_latent = True
    assert not looks.can_renew
    assert not looks.renew()
    assert looks.present == Look()


def test_back_returns_step_by_step(looks: Looks) -> None:
    looks.choose(Look(3, 4))
    looks.choose(Look(5, 6))
    assert looks.back()
    assert looks.present == Look(3, 4)
    assert looks.back()
    assert looks.present == Look()
    assert not looks.back()


def test_choosing_the_same_look_is_no_step(looks: Looks) -> None:
    assert not looks.choose(Look())
    assert not looks.can_go_back


def test_a_seed_never_renews_to_itself() -> None:
    looks = Looks(random.Random(0))
    for _ in range(300):
        before = looks.present
        looks.renew()
        assert looks.present.latent_seed != before.latent_seed


def test_the_first_canvas_has_the_seeds_shown_and_the_next_a_new_look(looks: Looks) -> None:
    assert not looks.renewed_for_canvas()
    assert looks.present == Look()
    assert looks.renewed_for_canvas()
    assert looks.present != Look()


def _given(name: str = "poorly") -> GivenStyle:
    return GivenStyle(packed([1.0, 2.0]), "a" * 64, name=name)


def test_a_given_style_is_a_step_that_back_undoes(looks: Looks) -> None:
    assert looks.choose(Look(0, 0, _given()))
    assert not looks.choose(Look(0, 0, _given())), "the same numbers are the same look"
    assert looks.back()
    assert looks.present.given is None


def test_another_stain_number_leaves_a_given_style_and_another_texture_does_not(looks: Looks) -> None:
    looks.choose(Look(3, 4, _given()))
    assert looks.present.with_seeds(3, 9) == Look(3, 9, _given())
    assert looks.present.with_seeds(5, 4) == Look(5, 4)


def test_a_new_look_leaves_a_given_style_unless_it_is_locked(looks: Looks) -> None:
    looks.choose(Look(3, 4, _given()))
    looks.lock_latent, looks.lock_seed = True, False
    looks.renew()
    assert looks.present.given == _given()
    looks.lock_latent = False
    looks.renew()
    assert looks.present.given is None


def test_a_new_canvas_keeps_a_given_style(looks: Looks) -> None:
    looks.renewed_for_canvas()
    looks.choose(Look(3, 4, _given()))
    assert not looks.renewed_for_canvas()
    assert looks.present.given == _given()


def test_a_model_draws_a_given_style_with_the_stain_of_the_seed_unless_that_is_given_too() -> None:
    look = Look(7, 0, GivenStyle(packed([1, 2]), "mine"))
    model = SimpleNamespace(
        sha256="mine",
        has_stain=True,
        style_size=2,
        sample_latent=lambda seed: np.full(3, seed, np.float32),
        scheme=SimpleNamespace(names=("glass", "stroma")),
    )
    np.testing.assert_array_equal(look.latent(model), [1, 2, 7])  # type: ignore[arg-type]
    stained = Look(7, 0, GivenStyle(packed([1, 2]), "mine", packed([9])))
    np.testing.assert_array_equal(stained.latent(model), [1, 2, 9])  # type: ignore[arg-type]
    part = Look(7, 0, GivenStyle.of(model, [1, 2], name="n", start=[0, 0], strengths=(0.0, 1.0)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(part.start(model), [0, 0, 7])  # type: ignore[arg-type]
    assert part.note(model) == {  # type: ignore[arg-type]
        "latent": [1, 2, 7],
        "latent_name": "n",
        "latent_start": [0, 0, 7],
        "strength": {"glass": 0, "stroma": 1},
    }
    all_of_it = Look(7, 0, GivenStyle.of(model, [1, 2], start=[0, 0], strengths=(1.0, 1.0)))  # type: ignore[arg-type]
    assert all_of_it.start(model) is None  # type: ignore[arg-type]


def test_another_model_draws_the_seed_and_drops_the_style(looks: Looks) -> None:
    looks.choose(Look(7, 0, _given()))
    other = SimpleNamespace(sha256="other", sample_latent=lambda seed: np.full(2, seed))
    np.testing.assert_array_equal(looks.present.latent(other), [7, 7])  # type: ignore[arg-type]
    assert looks.leave_other_models(other)  # type: ignore[arg-type]
    assert looks.present == Look(7, 0)
    assert not looks.leave_other_models(other)  # type: ignore[arg-type]
