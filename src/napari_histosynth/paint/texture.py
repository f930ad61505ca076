"""How much grain a picture has, band by band and place by place: a loss for what discriminators overlook.

A discriminator that is learned alongside the generator is slow to notice that drawn tissue has too much color
noise from pixel to pixel (four times the power of real tissue) and too little structure of 4 to 6 px; a
network that is trained afterwards to tell the two apart sees it at once. Both are statistics of second
order, so they are asked for directly: the power of the picture in a few bands of spatial frequency, of
brightness and of two color differences, averaged over small neighborhoods. After Durall, Keuper and Keuper,
"Watch your up-convolution" (CVPR 2020), who match the spectrum of the whole picture; here it is matched
where it is, so that glass stays clean where stroma is grainy.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

#: Power that is too small to be told from the rounding to 8 bits, in units of the range [-1, 1].
FLOOR = 2e-5
#: Brightness, red against green, both against blue: rows of an orthonormal transform.
OPPONENT = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, -(2**-0.5), 0.0),
    (6**-0.5, 6**-0.5, -2 * 6**-0.5),
)


def band_powers(image: Tensor, bands: int = 4, neighborhood: int = 24) -> list[Tensor]:
    """Measure the local power of a picture, fine to coarse.

    Parameters
    ----------
    image : Tensor
        (n, 3, y, x) in [-1, 1], at least 32 px a side.
    bands : int
        Octaves, from the finest on; fewer where the picture is too small for them.
    neighborhood : int
        Side in pixels of the area that power is averaged over.

    Returns
    -------
    list of Tensor
        Natural logarithm of the power of each band, (n, 3, y', x'): brightness and two color differences. The
        first holds what is finest of the second, pixel against pixel.
    """
    transform = image.new_tensor(OPPONENT)[:, :, None, None].float()
    x = F.conv2d(image.float(), transform)
    tap = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    blur = torch.outer(tap, tap).expand(3, 1, 5, 5)

    def apart(x: Tensor) -> tuple[Tensor, Tensor]:
        smooth = F.conv2d(x, blur, groups=3)
        return smooth, x[..., 2:-2, 2:-2] - smooth

    def power(detail: Tensor, side: int) -> Tensor:
        return torch.log(F.avg_pool2d(detail**2, side, max(1, side // 2)) + FLOOR)

    powers = []
    for band in range(bands):
        side = max(2, neighborhood >> band)
        if band and min(x.shape[-2:]) < side + 4:
            break  # a small picture has no coarse bands
        x, detail = apart(x)
        if band == 0:
            powers.append(power(apart(detail)[1], side))
        powers.append(power(detail, side))
        x = x[..., ::2, ::2]
    return powers


def texture_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """Compare the local power of pictures that show the same labels in the same look.

    Parameters
    ----------
    drawn, real : Tensor
        (n, 3, y, x) in [-1, 1].

    Returns
    -------
    Tensor
        Mean difference of the logarithm of power over bands, channels and places; 0.7 is a factor of two.
    """
    pairs = zip(band_powers(drawn), band_powers(real), strict=True)
    return torch.stack([F.l1_loss(a, b) for a, b in pairs]).mean()
