"""The acquisition audit: what scanner and protocol do to cohorts, outcomes and features."""
