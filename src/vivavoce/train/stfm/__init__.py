"""STFM, trained; see `training`."""
