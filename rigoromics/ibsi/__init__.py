"""Values of the installed engines beside those of IBSI, and what explains a difference."""
