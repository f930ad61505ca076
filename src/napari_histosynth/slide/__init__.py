"""Gigapixel slides, drawn as one looks (URCDM): from a sketch to full magnification by one network."""
