"""Compare the cases of a run: cohort, suspicion, AUV, ranking, selection and reasons.

The input is a scores table. Measures are oriented (high = suspicious) and compared only here; everything else reads the
result.
"""
