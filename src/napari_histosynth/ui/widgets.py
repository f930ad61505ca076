"""Small pieces that docks are put together from."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget


class ProgressBar(QProgressBar):
    """A progress bar of 0 to 100, without text, that is painted when all else is.

    Qt's own paints itself at once, whenever its value changes, and all of the window with it, since napari's
    canvas is drawn by OpenGL: without a graphics card as much work as a tile of a slide.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, 100)
        self.setTextVisible(False)

    def setValue(self, value: int) -> None:  # noqa: N802 - Qt's name
        """Show a value."""
        self.setUpdatesEnabled(False)
        super().setValue(value)
        self.setUpdatesEnabled(True)


def heading(text: str, note: str = "") -> QLabel:
    """Return the heading of a section, with a note in small type."""
    label = QLabel(f"<b>{text}</b>" + (f" <small>{note}</small>" if note else ""))
    label.setContentsMargins(0, 4, 0, 0)
    return label


def button(text: str, name: str, tip: str) -> QPushButton:
    """Return a button with a name for tests and a hint for people."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def small(name: str) -> QLabel:
    """Return an empty line of small text that wraps."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setStyleSheet("font-size: 11px;")
    return label


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def folded(title: str, content: QWidget) -> QWidget:
    """Return a section that is closed at first."""
    from superqt import QCollapsible

    section = QCollapsible(title)
    section.setObjectName(f"fold-{content.objectName()}")
    section.setDuration(0)
    section.addWidget(content)
    return section
