"""What a stranger may have written is read here."""
