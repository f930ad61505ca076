"""Seeds, locks and the way back."""

from __future__ import annotations

import random

import pytest

from napari_histosynth.ui.look import Look, Looks


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
