"""What is learned: data, model, loss, accuracy. One file a task."""

from grok.tasks.task import Batch, Data, Task

__all__ = ["Batch", "Data", "Task"]
