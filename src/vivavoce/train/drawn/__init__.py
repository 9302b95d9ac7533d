"""drawn, trained: what hears who speaks."""
