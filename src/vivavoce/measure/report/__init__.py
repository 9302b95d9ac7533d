"""report: what bench and bounds found, as pages."""
