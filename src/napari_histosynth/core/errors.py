"""Errors that reach the user: each message is one sentence that names the value and the remedy."""

from __future__ import annotations


class HistosynthError(Exception):
    """Base of every error that is meant for the user's eyes."""


class LabelMapError(HistosynthError):
    """A label map has the wrong shape, dtype or values."""


class UnknownColorError(LabelMapError):
    """A color label picture holds a color that belongs to no class of the scheme."""


class SchemeError(HistosynthError):
    """A tissue scheme is unknown, malformed, or cannot be converted to another."""


class ImageError(HistosynthError):
    """A picture cannot be read, or is not what was asked for."""


class PixelKindError(ImageError):
    """A sound picture whose pixels are of a kind that is not used here: 16 bits, stacks and the like."""


class AnnotationError(HistosynthError):
    """Annotations cannot be drawn as a label map."""


class UnknownClassError(AnnotationError):
    """An annotation is of a class that the scheme does not have."""


class ModelError(HistosynthError):
    """A model is missing, damaged, or does not fit what it is used for."""


class DeviceError(HistosynthError):
    """The device asked for is absent or ran out of memory."""


class SaveError(HistosynthError):
    """A file could not be written; what was there before is untouched."""


class TrainingError(HistosynthError):
    """Training cannot start or go on with what it was given."""


class Cancelled(HistosynthError):  # noqa: N818 - cancelling is not a fault
    """The user asked for the work to stop."""
