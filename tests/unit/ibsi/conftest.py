"""What becomes of IBSI's values, computed once."""

import pytest

from scripts.ibsi import TABLES, of_table


@pytest.fixture(scope="session")
def fast(shared_data):
    """All rows of IBSI 1, by the fast engine."""
    tables = [table for table in TABLES if table.startswith("ibsi_1")]
    return [row for table in tables for row in of_table(shared_data, table, "fast")]
