"""Winners, and references, trained in full."""
