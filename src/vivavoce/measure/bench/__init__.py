"""bench: systems side by side on the same portraits and speech, and opinions of raters."""
