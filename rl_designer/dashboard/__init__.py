"""The live view: pages on this machine alone that follow runs, stop them and let them go on."""
