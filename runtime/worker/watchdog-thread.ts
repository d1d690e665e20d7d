import { writeSync } from 'node:fs';
import { Session, type Debugger } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import { BLOCKED_FD, type BlockedReport } from '../protocol/worker.ts';
import { BEAT, LIMIT, WHAT_RUNS, type WhatRuns } from './watchdog.ts';

const { shared, parent } = workerData as { shared: BigInt64Array<SharedArrayBuffer>; parent: number };
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const CHECK_MS = 100;
/** A main thread stuck in native code never reaches a pause. */
const PAUSE_MS = 1_000;

// An answer of the inspector alone doesn't keep a thread alive.
setInterval(() => {}, 1_000_000);

let lastCheck = Date.now();
for (;;) {
  Atomics.wait(sleeper, 0, 0, CHECK_MS);
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  const now = Date.now();
  // The whole machine slept (a closed lid, a stopped process): that is nobody's loop.
  const slept = now - lastCheck > CHECK_MS * 10;
  lastCheck = now;
  if (slept) Atomics.store(shared, BEAT, BigInt(now));
  const blockedFor = now - read(BEAT);
  if (blockedFor > read(LIMIT)) {
    const report = await askMainThread(blockedFor);
    if (Date.now() - read(BEAT) > read(LIMIT)) {
      writeSync(BLOCKED_FD, `${JSON.stringify(report)}\n`);
      break;
    }
  }
}

function read(place: number): number {
  return Number(Atomics.load(shared, place));
}

async function askMainThread(blockedFor: number): Promise<BlockedReport> {
  const session = new Session();
  session.connectToMainThread();
  try {
    const paused = await new Promise<Debugger.PausedEventDataType | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), PAUSE_MS);
      session.once('Debugger.paused', ({ params }) => { clearTimeout(timer); resolve(params); });
      session.post('Debugger.enable');
      session.post('Debugger.pause');
    });
    if (paused === undefined) return { blockedFor };
    const told = await whatRuns(session, paused.callFrames[0]!.callFrameId);
    session.post('Debugger.resume');
    return { ...told, blockedFor };
  } finally {
    session.disconnect();
  }
}

function whatRuns(session: Session, callFrameId: string): Promise<WhatRuns> {
  const expression = `JSON.stringify(globalThis[Symbol.for('${WHAT_RUNS.description}')]())`;
  return new Promise((resolve) => {
    session.post('Debugger.evaluateOnCallFrame', { callFrameId, expression, returnByValue: true, silent: true }, (error, answer) => {
      resolve(error === null && typeof answer.result.value === 'string' ? JSON.parse(answer.result.value) as WhatRuns : {});
    });
  });
}
