"""What may come in, checked: `runtime/protocol/trainer.ts` from this side."""
