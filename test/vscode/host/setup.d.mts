export function setUpHost(): { server: string; chromium: string };
export function chromiumPath(): string;
