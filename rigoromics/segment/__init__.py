"""From segmentations as they come (RTSTRUCT, DICOM SEG, NIfTI, NRRD, MHA) to checked masks.

Every reader returns a ``uint8`` mask on the grid of the image it belongs to, with notes on
whatever a person should know about it, or raises a :class:`~rigoromics.errors.DataError`.
"""
