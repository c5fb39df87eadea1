"""The report as one HTML page: figures as plain data, plots as SVG, templates that put them together."""
