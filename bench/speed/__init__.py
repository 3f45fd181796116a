"""What is measured by `make bench`: speed and memory beside their limits and their peers, in the same run."""
