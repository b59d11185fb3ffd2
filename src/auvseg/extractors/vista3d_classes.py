"""The classes of VISTA3D by the numbers of its class embedding, as its bundle lists them (version 0.5.4).

Left out are those that its authors no longer use or never trained enough: 16 prostate or uterus, 18 rectum, 129 kidney
mass, 130 liver tumour, 131 vertebra L6. Of kidney, lung and bone (2, 20, 21) it segments the parts.
"""

_BEFORE_RIBS = """
1 liver, 3 spleen, 4 pancreas, 5 right kidney, 6 aorta, 7 inferior vena cava, 8 right adrenal gland,
9 left adrenal gland, 10 gallbladder, 11 esophagus, 12 stomach, 13 duodenum, 14 left kidney, 15 bladder,
17 portal vein and splenic vein, 19 small bowel, 22 brain, 23 lung tumor, 24 pancreatic tumor, 25 hepatic vessel,
26 hepatic tumor, 27 colon cancer primaries, 28 left lung upper lobe, 29 left lung lower lobe,
30 right lung upper lobe, 31 right lung middle lobe, 32 right lung lower lobe, 57 trachea, 58 left iliac artery,
59 right iliac artery, 60 left iliac vena, 61 right iliac vena, 62 colon
"""

_AFTER_RIBS = """
87 left humerus, 88 right humerus, 89 left scapula, 90 right scapula, 91 left clavicula, 92 right clavicula,
93 left femur, 94 right femur, 95 left hip, 96 right hip, 97 sacrum, 98 left gluteus maximus,
99 right gluteus maximus, 100 left gluteus medius, 101 right gluteus medius, 102 left gluteus minimus,
103 right gluteus minimus, 104 left autochthon, 105 right autochthon, 106 left iliopsoas, 107 right iliopsoas,
108 left atrial appendage, 109 brachiocephalic trunk, 110 left brachiocephalic vein, 111 right brachiocephalic vein,
112 left common carotid artery, 113 right common carotid artery, 114 costal cartilages, 115 heart,
116 left kidney cyst, 117 right kidney cyst, 118 prostate, 119 pulmonary vein, 120 skull, 121 spinal cord,
122 sternum, 123 left subclavian artery, 124 right subclavian artery, 125 superior vena cava, 126 thyroid gland,
127 vertebrae S1, 128 bone lesion, 132 airway
"""

_FIRST_VERTEBRA, _FIRST_RIB, _RIBS = 33, 63, 12
_VERTEBRAE = [f"{part}{number}" for part, count in (("L", 5), ("T", 12), ("C", 7)) for number in range(count, 0, -1)]


def _listed(text: str) -> dict[str, tuple[int, ...]]:
    pairs = (entry.strip().split(" ", 1) for entry in text.replace("\n", " ").split(","))
    return {name: (int(number),) for number, name in pairs}


VISTA3D_CLASSES: dict[str, tuple[int, ...]] = {
    **_listed(_BEFORE_RIBS),
    **{f"vertebrae {name}": (_FIRST_VERTEBRA + place,) for place, name in enumerate(_VERTEBRAE)},
    **{
        f"{side} rib {number}": (_FIRST_RIB + _RIBS * place + number - 1,)
        for place, side in enumerate(("left", "right"))
        for number in range(1, _RIBS + 1)
    },
    **_listed(_AFTER_RIBS),
    "kidney": (14, 5),
    "left lung": (28, 29),
    "right lung": (30, 31, 32),
    "lung": (28, 29, 30, 31, 32),
    "bone": (*range(33, 57), *range(63, 98), 114, 120, 122),
}
"""Numbers by name; a class of several numbers is their union. The lungs of a side are ours, the other unions its
authors'."""
