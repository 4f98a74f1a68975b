"""What is learned: data, model, loss, accuracy. One file a task."""

from grok.tasks.task import Batch, Data, Task, samples

__all__ = ["Batch", "Data", "Task", "samples"]
