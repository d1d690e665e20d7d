/** Told to on stdin, writes a run until it is killed, and tells on stdout what was acknowledged. Run by crash.test.ts. */
import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { openRun } from '../../../runtime/trace/writer.ts';
import { call, dice, place, rollout } from './samples.ts';

const [order] = await once(process.stdin, 'data') as [Buffer];
const { dir, first } = JSON.parse(order.toString()) as { dir: string; first: number };
const writer = await openRun(dir, { fileBytes: 20_000, journalBytes: 100_000 });
const tell = (line: string) => writeSync(1, `${line}\n`);
tell('ready');

async function play(sample: number, attempt: number): Promise<void> {
  const id = `s0t0n${sample}`;
  await writer.journal.begin(place(sample), attempt);
  tell(`begin ${sample} ${attempt}`);
  const random = dice(sample + attempt);
  const calls = 1 + Math.floor(random() * 8);
  for (let index = 0; index < calls; index++) {
    const size = random() < 0.2 ? 2_000 : 20;
    await writer.journal.call(id, attempt, call(index, dice(index), size, { policy: `attempt ${attempt}` }));
    tell(`call ${sample} ${attempt} ${index} ${size}`);
  }
  if (random() < 0.1) {
    tell(`discard ${sample} ${attempt}`);
    await writer.discardAttempt(id, attempt);
    return play(sample, attempt + 1);
  }
  if (random() < 0.9) {
    await writer.seal(rollout(sample, calls, 10, { attempt }));
    tell(`seal ${sample} ${calls}`);
  }
}

await Promise.all(writer.recovered.map(({ place, attempt }) => play(place.sample, attempt + 1)));
let next = first;
await Promise.all(Array.from({ length: 8 }, async () => {
  for (;;) await play(next++, 1);
}));
