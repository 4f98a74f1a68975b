"""Where and in what order the jobs of a sweep are trained."""
