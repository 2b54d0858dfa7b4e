"""Filters of arrays, chiefly the convolutional filters of IBSI 2 (arXiv:2006.05470).

Each filter is a small object that knows its name, how far it reaches, and how to make a response
map from an array of grey values. Response maps agree with IBSI's reference maps, see
`tests/unit/extract/filters`.
"""
