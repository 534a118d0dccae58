"""Proving the suite: it finds every defect of the catalogue by what it breaks, and accuses nobody else."""
