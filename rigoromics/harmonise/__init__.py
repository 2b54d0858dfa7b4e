"""Harmonisation: what a scanner adds to a feature is learned in training, and taken away."""
