"""Is A better than B? Agents and rewards side by side."""
