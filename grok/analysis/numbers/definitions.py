"""What T_train, T_val and the phases are, in words (Re-TUG, Table 1; `grok.phases.classify`)."""

from __future__ import annotations

from grok.phases import Phase

TIMES_ARE = (
    "T_train and T_val are the first optimizer steps, counted from 1, at which train and "
    "validation accuracy are {reach} {threshold}, of the steps at which accuracies are measured. "
    "With minibatches, train accuracy is that of the epoch so far."
)
PHASES_ARE = {
    Phase.COMPREHENSION: "Both come, T_val less than {gap} steps after T_train, or before it.",
    Phase.GROKKING: "Both come, T_val at least {gap} steps after T_train.",
    Phase.MEMORIZATION: "T_train comes within the budget, T_val doesn't.",
    Phase.CONFUSION: "T_train doesn't come within the budget.",
}
