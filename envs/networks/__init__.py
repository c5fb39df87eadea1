"""From an architecture to a PyTorch module, and the same faster on a CPU."""
