"""Retrieve raw images from a hospital's archive or a public collection."""
