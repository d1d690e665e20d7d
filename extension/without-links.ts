/**
 * VS Code makes a link of `[words](command:…)` in a notification, and a click on it runs that command. What is told there may come from a
 * model, a server or somebody else's run, so nothing of it becomes a link; what can be done about it is offered by buttons.
 */
export function withoutLinks(text: string): string {
  return text.replace(/\]\((?=https?:|command:|file:)/gi, '] (');
}
