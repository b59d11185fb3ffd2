"""The class names of the TotalSegmentator CT data set, in the order of its own class maps (Apache-2.0), v1 and v2.

The numbers of the two versions differ, so that only names may travel between them.
"""

_VERTEBRAE = tuple(
    f"vertebrae_{level}"
    for level in (
        *("L5", "L4", "L3", "L2", "L1"),
        *("T12", "T11", "T10", "T9", "T8", "T7", "T6", "T5", "T4", "T3", "T2", "T1"),
        *("C7", "C6", "C5", "C4", "C3", "C2", "C1"),
    )
)
_RIBS = tuple(f"rib_{side}_{number}" for side in ("left", "right") for number in range(1, 13))
_LUNG = (
    *("lung_upper_lobe_left", "lung_lower_lobe_left"),
    *("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
)
_UPPER_ABDOMEN = ("spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach")
_ILIAC = ("iliac_artery_left", "iliac_artery_right", "iliac_vena_left", "iliac_vena_right")
_LIMBS = (
    *("humerus_left", "humerus_right", "scapula_left", "scapula_right", "clavicula_left", "clavicula_right"),
    *("femur_left", "femur_right", "hip_left", "hip_right"),
)
_MUSCLES = (
    *("gluteus_maximus_left", "gluteus_maximus_right", "gluteus_medius_left", "gluteus_medius_right"),
    *("gluteus_minimus_left", "gluteus_minimus_right", "autochthon_left", "autochthon_right"),
    *("iliopsoas_left", "iliopsoas_right"),
)

V1 = (
    *_UPPER_ABDOMEN,
    *("aorta", "inferior_vena_cava", "portal_vein_and_splenic_vein", "pancreas"),
    *("adrenal_gland_right", "adrenal_gland_left"),
    *_LUNG,
    *_VERTEBRAE,
    *("esophagus", "trachea", "heart_myocardium", "heart_atrium_left", "heart_ventricle_left"),
    *("heart_atrium_right", "heart_ventricle_right", "pulmonary_artery", "brain"),
    *_ILIAC,
    *("small_bowel", "duodenum", "colon"),
    *_RIBS,
    *_LIMBS,
    *("sacrum", "face"),
    *_MUSCLES,
    "urinary_bladder",
)
"""The 104 classes of version 1, which the paper used."""

V2 = (
    *_UPPER_ABDOMEN,
    *("pancreas", "adrenal_gland_right", "adrenal_gland_left"),
    *_LUNG,
    *("esophagus", "trachea", "thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate"),
    *("kidney_cyst_left", "kidney_cyst_right", "sacrum", "vertebrae_S1"),
    *_VERTEBRAE,
    *("heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk", "subclavian_artery_right"),
    *("subclavian_artery_left", "common_carotid_artery_right", "common_carotid_artery_left"),
    *("brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left", "superior_vena_cava"),
    *("inferior_vena_cava", "portal_vein_and_splenic_vein"),
    *_ILIAC,
    *_LIMBS,
    "spinal_cord",
    *_MUSCLES,
    *("brain", "skull"),
    *_RIBS,
    *("sternum", "costal_cartilages"),
)
"""The 117 classes of version 2."""
