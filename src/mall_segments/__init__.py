"""Mall customer segments: clustering, publishing, scoring and the report."""
