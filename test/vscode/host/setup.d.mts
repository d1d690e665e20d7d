export function setUpHost(): { server: string; chromium: string };
