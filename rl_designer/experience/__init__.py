"""What other data taught: trainings made, learned from, shipped, added to."""
