"""A trained network is used: on rows, signals or images of a file, or in memory."""
