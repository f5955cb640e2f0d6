"""What operators see of the platform's health: asked of the services themselves, each part alone."""
