"""The report's pictures for a paper: each function returns a `matplotlib` figure, to be changed and saved as you like.

    from auvseg.report import figures
    figure = figures.against("runs/hippocampus", "volume_ml", "agreement")
    figures.save(figure, "agreement.pdf")

Colours and signs of classes are the report's. Nothing here touches pyplot; the same input gives the same bytes.
"""

from auvseg.report.figures.images import planes, thumbnails
from auvseg.report.figures.measures import against, cut, distribution
from auvseg.report.figures.save import save
from auvseg.report.figures.structures import contributions, spectrum

__all__ = ["against", "contributions", "cut", "distribution", "planes", "save", "spectrum", "thumbnails"]
