"""Counts in sentences: `1 case`, `2 cases`."""


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not exactly one.

    Examples:
        >>> counted(1, "case"), counted(0, "case"), counted(12, "class")
        ('1 case', '0 cases', '12 classes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{ending}"
