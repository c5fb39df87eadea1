"""The controllers, and the baselines that they must beat."""
