"""Networks designed by hand, and the nearest to each that a search space has."""
