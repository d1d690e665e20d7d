"""The door: who may come in, and in what order things are done."""
