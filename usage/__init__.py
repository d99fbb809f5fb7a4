"""The domain: usage, and the questions asked of it. Knows nothing of Flask."""
