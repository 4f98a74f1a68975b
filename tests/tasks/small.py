"""Every task that is shipped, as small as is worth while: what tests of all tasks go through."""

SMALL = {
    "toy_regression": ["task.width=40"],
    "toy_classification": ["task.width=40"],
    "toy_representation": ["task.width=40", "task.messiness=0.1"],
    "teacher_student": ["task.width=40"],
    "mnist": ["task.width=16", "task.train_size=100", "task.batch_size=20"],
    "modular": ["task.p=11", "task.train_fraction=0.5", "task.width=16", "task.hidden=32"],
    "qm9": ["task.size=40", "task.batch_size=16", "task.hidden=8", "task.every=4"],
    "imdb": [
        "task.size=40",
        "task.batch_size=16",
        "task.vocabulary=50",
        "task.length=10",
        "task.width=8",
        "task.hidden=8",
        "task.every=6",
    ],
}
