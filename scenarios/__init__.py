"""What shall happen: scenario files, their format, the removal phases and the product catalogue."""
