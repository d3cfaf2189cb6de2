"""The settings of tap and target."""
