"""portrait, trained: content, lips, head and repair networks."""
