"""Features of every mask of a scan, in PyRadiomics' definitions."""
