"""TotalSegmentator: several nnU-Nets of published weights."""
