"""Pictures of a report's measurements, as SVG that is the same to the byte for the same numbers."""

from verify.figures.draw import PICTURES, CaptionedFigure, pictures

__all__ = ["PICTURES", "CaptionedFigure", "pictures"]
