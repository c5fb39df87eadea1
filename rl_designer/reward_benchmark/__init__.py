"""Rewards side by side, by a yardstick that is none of them."""
