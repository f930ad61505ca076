from __future__ import annotations

import numpy as np

from napari_histosynth.slide.glass import WHOLE, blended, enlarged, tissue_share

GLASS = np.array([243, 240, 244])
RIM = 21


def parent_with(*tissue: tuple[slice, slice], side: int = 170) -> tuple[np.ndarray, np.ndarray]:
    """Return glass with tissue at places, and a layout of nothing but glass."""
    parent = np.full((side, side, 3), GLASS, np.uint8)
    for place in tissue:
        parent[place] = (200, 120, 170)
    layout = np.zeros((5, side, side), np.float32)
    layout[0] = 1
    return parent, layout


def test_enlarging_is_bilinear_as_torch_has_it() -> None:
    import torch
    from torch.nn import functional as F  # noqa: N812

    parent = np.random.default_rng(0).integers(0, 256, (30, 26, 3)).astype(np.uint8)
    planes = torch.from_numpy(parent).permute(2, 0, 1)[None].double()
    wanted = F.interpolate(planes, scale_factor=4.0, mode="bilinear", align_corners=False)[0]
    found = enlarged(parent, 3).astype(float)
    assert np.abs(found - wanted.permute(1, 2, 0).numpy()[12:-12, 12:-12]).max() <= 0.5


def test_where_there_is_glass_all_around_nothing_is_drawn() -> None:
    parent, layout = parent_with()
    assert tissue_share(parent, layout, GLASS, RIM) is None


def test_where_there_is_tissue_everywhere_everything_is() -> None:
    parent, layout = parent_with((slice(None), slice(None)))
    share = tissue_share(parent, layout, GLASS, RIM)
    assert share is not None
    assert share.shape == (4 * 128, 4 * 128)
    assert (share == WHOLE).all()


def test_tissue_of_the_layout_is_drawn_however_pale() -> None:
    parent, layout = parent_with()
    layout[:, 80:90, 80:90] = [[[0.5]], [[0.5]], [[0]], [[0]], [[0]]]
    share = tissue_share(parent, layout, GLASS, RIM)
    assert share is not None
    assert share[4 * 64, 4 * 64] == WHOLE


def test_the_share_depends_on_the_place_alone_whatever_the_tile() -> None:
    parent, layout = parent_with((slice(60, 75), slice(70, 74)), (slice(120, 122), slice(0, 40)))
    whole = tissue_share(parent, layout, GLASS, RIM)
    assert whole is not None
    for top in (0, 64):
        for left in (0, 64):
            cut = slice(top, top + 64 + 2 * RIM), slice(left, left + 64 + 2 * RIM)
            share = tissue_share(parent[cut], layout[:, *cut], GLASS, RIM)
            part = whole[4 * top : 4 * (top + 64), 4 * left : 4 * (left + 64)]
            assert np.array_equal(part, np.zeros_like(part) if share is None else share)


def test_the_share_fades_without_a_step_from_tissue_to_glass() -> None:
    parent, layout = parent_with((slice(0, 80), slice(None)))
    share = tissue_share(parent, layout, GLASS, RIM)
    assert share is not None
    column = share[:, 0]
    assert (np.diff(column) <= 0).all()
    assert column[0] == WHOLE
    assert column[-1] == 0
    assert np.abs(np.diff(column)).max() < 0.05 * WHOLE


def test_blending_gives_either_where_the_share_is_whole_or_none() -> None:
    rng = np.random.default_rng(1)
    drawn, plain = rng.integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    for share, wanted in ((0, plain), (WHOLE, drawn)):
        assert np.array_equal(blended(drawn, plain, np.full((4, 4), share)), wanted)
    half = blended(drawn, plain, np.full((4, 4), WHOLE // 2)).astype(float)
    assert np.abs(half - (drawn.astype(float) + plain) / 2).max() <= 0.5
