"""How a run goes: settings, messages, progress, shutdown, errors."""
