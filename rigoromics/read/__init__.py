"""Reading DICOM: header index, series, volumes, and the case sheet.

`walk` finds files, `parse` reads one header, `headers` indexes a folder, `grouping` makes series
of the index, `geometry` judges whether slices form a volume, `series` builds the volume,
`assign` and `match` apply the study's rules, and `sheet` drafts the case sheet.
"""
