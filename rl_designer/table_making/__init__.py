"""Architecture tables made, imported and described."""
