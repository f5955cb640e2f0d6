"""The HTTP side of health."""
