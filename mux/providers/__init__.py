"""Who we call."""
