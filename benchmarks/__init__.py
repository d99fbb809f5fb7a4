"""How fast the real server is, beside the least that any answer costs."""
