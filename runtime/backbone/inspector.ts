/**
 * Resolves once the process behind this inspector waits for a debugger, or is gone. It can tell its address only before it waits, and a debugger
 * that lets it go before that is not heard: the process would wait for ever. So its own inspector is asked, which knows.
 */
export function waitsForDebugger(url: string): Promise<void> {
  const socket = new WebSocket(url);
  socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method: 'NodeRuntime.enable' })));
  socket.addEventListener('message', ({ data }) => {
    if ((JSON.parse(String(data)) as { method?: string }).method === 'NodeRuntime.waitingForDebugger') socket.close();
  });
  return new Promise((resolve) => socket.addEventListener('close', () => resolve()));
}
