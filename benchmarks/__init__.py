"""What is measured, each figure with its peer beside it in the same run. See docs/benchmarks.md."""
