"""What one example takes through networks: measured here or on a device, and a model of it for limits."""
