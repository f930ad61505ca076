"""Colors of stains: optical densities of red, green and blue.

Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 23 (2001) 291-299.
"""

from __future__ import annotations

HEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.07, 0.99, 0.11)
DAB = (0.27, 0.57, 0.78)
