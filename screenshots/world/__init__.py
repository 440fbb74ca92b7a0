"""The small world that is photographed, a file for each room of it. The same at each run, but for the time of day."""
