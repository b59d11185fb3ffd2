"""Worker processes that isolate crashes, and their memory limits."""
