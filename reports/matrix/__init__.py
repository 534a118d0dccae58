"""The matrix of defects and properties, as people and machines read it."""
