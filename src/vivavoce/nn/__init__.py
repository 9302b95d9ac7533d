"""Networks, losses and critics that two systems or more use."""
