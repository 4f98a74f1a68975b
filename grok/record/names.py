"""The names of files and columns that a sweep and its members leave."""

LOCK = ".lock"
ERROR = "error.txt"
RESULT = "result.json"
CHECKPOINT = "checkpoint.pt"
CURVES = "curves.csv"
EMBEDDINGS = "embeddings.npz"
FOURIER = "fourier.npz"
PLAN = "plan.json"
MEASURES = "measures.csv"
WEIGHTS = "weights"
LEFT = ("*.csv", "*.npz", f"{WEIGHTS}/*.safetensors")
"""Files besides the record that a member leaves."""
STEP_COLUMNS: dict[str, str | None] = {
    "train_loss": "lower",
    "train_accuracy": "higher",
    "val_loss": "lower",
    "val_accuracy": "higher",
    "weight_norm": None,
}
"""What is measured at every step, and which way it is better."""
CURVE_COLUMNS = ("step", *STEP_COLUMNS)
