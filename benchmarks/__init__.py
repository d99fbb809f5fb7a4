"""How fast the real server takes usage in."""
