"""The cases of a run among each other: who is compared with whom, suspicion, AUV, order, selection and reasons.

Takes a scores table and knows nothing of how it came about. It alone orients and compares; everything later reads it.
"""
