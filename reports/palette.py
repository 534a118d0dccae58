"""The colours of reports: Okabe and Ito's, which people with any colour vision tell apart.

Source: M. Okabe, K. Ito, "Color Universal Design", 2008. A colour is never the only sign of anything.
"""

from __future__ import annotations

from typing import Final

ORANGE: Final = "#e69f00"
SKY: Final = "#56b4e9"
GREEN: Final = "#009e73"
BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
BLACK: Final = "#1a1a1a"
GREY: Final = "#8a8a8a"

BEFORE: Final = ORANGE
AFTER: Final = BLUE

OF_PHASE: Final = (ORANGE, "#a87400", VERMILION, SKY, BLUE, GREEN, PURPLE)
"""One for each phase: warm before removal, red-brown at the step that cannot be undone, cool after it."""
