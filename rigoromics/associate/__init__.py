"""One feature at a time: with the outcome, and with genes. Explores; never feeds a signature."""
