"""Checks that keep nonsense out: of images, of masks, and across the whole cohort."""
