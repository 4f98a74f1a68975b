"""What ``grok-train new-task`` begins with: a task that trains, to be made one's own."""
