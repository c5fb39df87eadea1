"""Many jobs, in parallel, resumable, with progress."""
