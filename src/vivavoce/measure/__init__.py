"""measure: clips → figures."""
