import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isOwn } from '../../../../runtime/trainers/gpu/tunnel.ts';

test('a port at which somebody else listens is no end of a tunnel', { skip: process.platform !== 'linux' && 'only Linux tells who listens' }, async (context) => {
  const server = createServer().listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.equal(await isOwn(port), true);
  assert.equal(await isOwn(port, process.getuid!() + 1), false, 'another user');
  server.close();
  await once(server, 'close');
  assert.equal(await isOwn(port), false, 'nobody');
});
