"""What it means: metrics, intervals, verdicts, and the files and pages that tell them."""
