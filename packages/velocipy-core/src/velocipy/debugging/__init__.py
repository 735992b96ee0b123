"""The pages of an app in debug: what went wrong, in whose code, and which routes are near. Loaded by nobody else."""
