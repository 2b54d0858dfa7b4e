"""Columns of the tables that the images step writes."""

WHO = ["patient", "cohort", "timepoint", "scan", "roi", "rater"]
FILES = ["image_path", "image_sha256", "mask_path", "mask_sha256"]
# By which a scan is known: its key, and hashes of its values whatever its header says.
PIXELS = ["image", "modality", "image_voxels", "image_slices"]
INDEX_COLUMNS = [*WHO, *FILES, "voxels", "volume_ml", "spacing", *PIXELS]
SCAN = ["patient", "timepoint", "scan"]
PAIR = ["roi", "rater_a", "rater_b"]
AGREEMENT_COLUMNS = [
    *SCAN,
    *PAIR,
    "dice",
    "hausdorff95_mm",
    "mean_surface_mm",
    "surface_dice",
]
