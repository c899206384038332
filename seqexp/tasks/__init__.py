"""Tasks: what is learned (loss), how well (metrics), and what it says in the user's own units (predictions)."""
