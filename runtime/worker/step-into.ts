export function stepInto(): void {}
