"""Gigapixel slides, drawn as one looks (URCDM): every zoom level from a sketch, one network for all of them."""
