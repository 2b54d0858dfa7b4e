"""Image type and family of a feature, read from its name."""

from __future__ import annotations

OTHER = "other"


def split_feature(feature: str) -> tuple[str, str]:
    """Return a feature's image type and class, or ``other`` twice for a foreign name.

    Examples
    --------
    >>> split_feature("wavelet-LLH_glcm_JointEntropy")
    ('wavelet-LLH', 'glcm')
    >>> split_feature("baseline.ct.lesion:original_shape_MeshVolume")
    ('original', 'shape')
    >>> split_feature("logit_0")
    ('other', 'other')
    """
    parts = feature.rpartition(":")[2].split("_", 2)
    if len(parts) != 3:
        return OTHER, OTHER
    return parts[0], parts[1]
