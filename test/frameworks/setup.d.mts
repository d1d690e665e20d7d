export function setUpFrameworks(): void;
