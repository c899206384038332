"""Classical methods that every network has to beat, over libraries that are trusted for them."""
