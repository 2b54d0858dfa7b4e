"""Stability of features: how far a value survives another rater or another scan."""
