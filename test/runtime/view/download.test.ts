import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ExportChoice, ViewerEvent } from '../../../runtime/protocol/viewer.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { serveViewer } from '../../../runtime/view/server.ts';
import { RunViewer } from '../../../runtime/view/viewer.ts';
import { decode } from '../../../runtime/view/wire.ts';
import { folder, newRun, rollout } from '../trace/samples.ts';

/** A page without the page: what it would ask, and what it is told. */
async function served(context: TestContext, rollouts: number, size = 4) {
  const writer = await createRun(await folder(context), newRun());
  for (let sample = 0; sample < rollouts; sample++) await writer.seal(rollout(sample, 1, size));
  await writer.close();
  const viewer = await RunViewer.open(writer.dir, { capabilities: ['save'], language: 'en', act: async () => null });
  const server = await serveViewer({ viewer, assets: writer.dir });
  context.after(() => server.close());
  const [base, token] = server.url.split('#') as [string, string];
  const ask = (choice: ExportChoice, key = token): Promise<Response> => fetch(`${base}rpc/export`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(choice) });
  const addressOf = async (choice: ExportChoice): Promise<string> => base + String(decode(new Uint8Array(await (await ask(choice)).arrayBuffer())));
  const events = await fetch(`${base}events`, { headers: { authorization: `Bearer ${token}` } });
  const told = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  const event = async (): Promise<ViewerEvent & { type: 'exported' }> => {
    for (;;) {
      const match = /data: (\{"type":"exported".*)\n\n/.exec(rest);
      if (match !== null) {
        rest = rest.slice(match.index + match[0].length);
        return JSON.parse(match[1]!) as ViewerEvent & { type: 'exported' };
      }
      rest += (await told.read()).value ?? '';
    }
  };
  return { dir: writer.dir, viewer, server, base, ask, addressOf, event };
}

test('an address of a download is good for once, and none is given to who has no token', async (context) => {
  const { base, ask, addressOf, event } = await served(context, 12);
  assert.equal((await ask({ what: 'rollouts', format: 'csv' }, 'wrong')).status, 401);
  const address = await addressOf({ what: 'rollouts', format: 'csv', filter: 'sample < 5' });
  const [one, again, other] = [await fetch(address), await fetch(address), await fetch(`${base}download/AAAA`)];
  assert.deepEqual([one.status, again.status, other.status], [200, 401, 401]);
  const name = decodeURIComponent(/^attachment; filename\*=UTF-8''(.*)$/.exec(one.headers.get('content-disposition')!)![1]!);
  assert.match(name, /-rollouts\.csv$/);
  assert.equal((await one.text()).trimEnd().split('\r\n').length, 6);
  assert.deepEqual(await event(), { type: 'exported', file: name, rollouts: 5, problems: [] });
});

test('what a program is given to open leads to the page once, and holds no token', async (context) => {
  const { server, base } = await served(context, 1);
  const address = server.once(server.url);
  assert.ok(address.startsWith(base) && !address.includes(server.url.split('#')[1]!));
  const [first, second, guessed] = [await fetch(address, { redirect: 'manual' }), await fetch(address, { redirect: 'manual' }), await fetch(`${base}open/AAAA`)];
  assert.deepEqual([first.status, first.headers.get('location'), second.status, guessed.status], [302, server.url, 401, 401]);
});

test('what is torn is told when the download has ended; a filter that is none ends it', async (context) => {
  const { dir, viewer, addressOf, event } = await served(context, 4);
  await truncate(join(dir, 'traces/rollouts-0.jsonl.gz'), viewer.run.entry(3).offset + 20);
  assert.equal((await (await fetch(await addressOf({ what: 'records', format: 'jsonl' }))).text()).trimEnd().split('\n').length, 3);
  const { rollouts, problems } = await event();
  assert.equal(rollouts, 3);
  assert.match(problems[0]!.message, /Record 4/);
  await assert.rejects(fetch(await addressOf({ what: 'rollouts', format: 'csv', filter: 'rewrd' })).then((answer) => answer.text()));
  assert.match((await event()).problems[0]!.message, /"rewrd" is no column/);
});

test('a download that is given up ends the reading, and the server goes on', async (context) => {
  const { viewer, addressOf } = await served(context, 200, 400);
  const read = viewer.run.read.bind(viewer.run);
  let reads = 0;
  viewer.run.read = (which) => {
    reads++;
    return read(which);
  };
  const ending = new AbortController();
  const answer = await fetch(await addressOf({ what: 'tokens', format: 'jsonl' }), { signal: ending.signal });
  await answer.body!.getReader().read();
  ending.abort();
  let before = -1;
  while (before !== reads) {
    before = reads;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(reads > 0 && reads < 200, `${reads} of 200 rollouts were read`);
  assert.equal((await (await fetch(await addressOf({ what: 'rollouts', format: 'csv' }))).text()).trimEnd().split('\r\n').length, 201);
});
