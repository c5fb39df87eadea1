"""A network that needs this package no more."""
