"""Architecture tables as data."""
