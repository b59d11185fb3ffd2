"""What the name of an anatomical class says, whatever its spelling, abbreviation or order of words.

The tables hold what data sets and models in the field write for the same structure, and only what is unambiguous: words
that two structures share (`tumor`, `vein`) stay apart by the words beside them.
"""

import re

_SIDES = {"l": "left", "lt": "left", "left": "left", "r": "right", "rt": "right", "right": "right"}

_SMALL_WORDS = frozenset({"of", "the", "and", "a"})

_SHORT = {
    "lk": "left kidney",
    "rk": "right kidney",
    "ivc": "inferior vena cava",
    "svc": "superior vena cava",
    "postcava": "inferior vena cava",
    "lag": "left adrenal gland",
    "rag": "right adrenal gland",
    "gb": "gallbladder",
    "eso": "esophagus",
    "small intestine": "small bowel",
    "intestine": "small bowel",
    "windpipe": "trachea",
    "colon cancer primaries": "colon tumor",
    "urinary bladder": "bladder",
    "hip bone": "hip",
    "femur head": "femoral head",
}
"""Whole names, without their side; looked up after spelling is made one."""

_WORDS = {
    "oesophagus": "esophagus",
    "tumour": "tumor",
    "tumours": "tumor",
    "tumors": "tumor",
    "cancer": "tumor",
    "carcinoma": "tumor",
    "hepatic": "liver",
    "renal": "kidney",
    "splenic": "spleen",
    "pulmonary": "lung",
    "pancreatic": "pancreas",
    "colonic": "colon",
    "prostatic": "prostate",
    "gastric": "stomach",
    "suprarenal": "adrenal",
    "vertebra": "vertebrae",
    "clavicle": "clavicula",
    "aortic": "aorta",
    "cysts": "cyst",
    "lesions": "lesion",
    "vessels": "vessel",
    "kidneys": "kidney",
    "lungs": "lung",
    "glands": "gland",
    "bones": "bone",
    "ribs": "rib",
    "hips": "hip",
}

_AS_WRITTEN = frozenset({"vein", "artery", "veins", "arteries", "trunk"})
"""Beside these an adjective names a vessel of its own: the splenic vein is no part of the spleen."""

FINDINGS = frozenset({"tumor", "cyst", "lesion"})
"""What an organ may have: by themselves they name no structure."""

_HINTS = frozenset({"gland"})
"""Words that may be left out: an adrenal is an adrenal gland."""


def meaning(name: str) -> tuple[str, ...]:
    """What a class name says, whatever its spelling and the order of its words: equal for names that mean the same.

    Args:
        name: such as `kidney_left`, `Kidney (L)`, `lk` or `Head_of_femur_L`.

    Returns:
        The side first, where there is one, then the other words, sorted.

    >>> meaning("Kidney (L)") == meaning("left kidney") == meaning("lk")
    True
    >>> meaning("hepatic tumour")
    ('liver', 'tumor')
    """
    words = _expanded(_split(name))
    sides = [_SIDES[word] for word in words if word in _SIDES]
    rest = [word for word in words if word not in _SIDES and word not in _SMALL_WORDS]
    return (*sides, *sorted(rest))


def _split(name: str) -> list[str]:
    # "LeftKidney" is two words; "L5" is one, and so is "IVC".
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", spaced.casefold())


def _expanded(words: list[str]) -> list[str]:
    """Spelling made one, short names written out, doubled words joined."""
    text = " ".join(words).replace("gall bladder", "gallbladder")
    sides = [word for word in text.split() if word in _SIDES]
    rest = [word for word in text.split() if word not in _SIDES]
    literal = not _AS_WRITTEN.isdisjoint(rest)
    whole = _SHORT.get(" ".join(rest))
    if whole is None:
        rest = [word if literal else _WORDS.get(word, word) for word in rest]
        whole = _SHORT.get(" ".join(rest), _SHORT.get(" ".join(word for word in rest if word not in _SMALL_WORDS)))
    if whole is not None:
        rest = whole.split()
    if "head" in rest and "femur" in rest:
        rest = ["femoral", "head"]
    return sides + [word for word in rest if word not in _HINTS]
