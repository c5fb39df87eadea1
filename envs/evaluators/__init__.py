"""Evaluators: what turns an architecture into a measured evaluation."""
