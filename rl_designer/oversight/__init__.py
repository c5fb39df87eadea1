"""What an organisation allows, who approved what, a record of who did what; no cage (docs/oversight.md)."""
