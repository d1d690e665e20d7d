"""Token in, token out, for calls that come and go at any time."""
