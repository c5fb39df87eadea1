"""Data sets that are read from their original files."""
