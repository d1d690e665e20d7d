import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 5;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;
const ANSWER_WITHIN_MS = 30_000;

/** A controller that is busy or gone for a moment is asked again; one that refuses is not. */
export async function postWithRetry(url: string, key: string | undefined, body: object, closed: AbortSignal, firstWait = FIRST_WAIT_MS): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const status = await post(url, key, body, closed).catch((error: unknown) => error as Error);
    if (typeof status === 'number' && status < 400) return;
    const again = typeof status !== 'number' || status === 429 || status >= 500;
    if (!again || attempt === TRIES || closed.aborted) throw new Error(`${url} ${typeof status === 'number' ? `answered ${status}` : `can't be reached: ${status.message}`}`);
    await sleep(Math.min(LONGEST_WAIT_MS, firstWait * 2 ** (attempt - 1)), undefined, { signal: closed }).catch(() => {});
  }
}

async function post(url: string, key: string | undefined, body: object, closed: AbortSignal): Promise<number> {
  const response = await fetch(url, {
    method: 'POST', body: JSON.stringify(body), signal: AbortSignal.any([AbortSignal.timeout(ANSWER_WITHIN_MS), closed]),
    headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
  });
  await response.arrayBuffer();
  return response.status;
}
