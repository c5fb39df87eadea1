"""Controllers as designs: what they are tried on, and how well they search there."""
