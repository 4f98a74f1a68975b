"""What a member and a sweep leave on disk. Reads and writes without PyTorch."""
