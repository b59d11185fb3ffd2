"""The report's plots as `matplotlib` figures for papers.

    from auvseg.report import figures
    figure = figures.against("runs/hippocampus", "volume_ml", "agreement")
    figures.save(figure, "agreement.pdf")

Each function returns a figure that you can change and save. Colours and markers of classes match the report. pyplot is
never used; the same input gives the same bytes.
"""

from auvseg.report.figures.images import planes, thumbnails
from auvseg.report.figures.measures import against, cut, distribution
from auvseg.report.figures.save import save
from auvseg.report.figures.structures import contributions, spectrum

__all__ = ["against", "contributions", "cut", "distribution", "planes", "save", "spectrum", "thumbnails"]
