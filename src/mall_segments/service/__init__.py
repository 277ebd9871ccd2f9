"""The HTTP service that assigns customers with the published model."""
