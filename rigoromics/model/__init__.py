"""Models: fitted in nested cross-validation, tuned inside, locked once, applied as they are."""
