"""Phase diagrams and loss landscapes of grokking: a sweep trained as one tensor program."""

__version__ = "0.1.0"
