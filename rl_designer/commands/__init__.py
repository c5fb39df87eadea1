"""The commands, one file each. A file imports what is heavy only when its command runs."""
