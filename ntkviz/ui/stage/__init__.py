"""The stage: charts, numbers and a question in one component that lives in the browser."""

from ntkviz.ui.stage.stage import HIDING, hiding, stage

__all__ = ["HIDING", "hiding", "stage"]
