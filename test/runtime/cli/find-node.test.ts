import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidates, findNode, isEnough } from '../../../runtime/cli/find-node.mjs';

/** A machine on which these folders hold these versions. */
function listing(there: Record<string, string[]>): (dir: string) => string[] {
  return (dir) => [...there[dir] ?? []];
}

test('a Node that runs TypeScript as it is', () => {
  assert.deepEqual(['v20.19.0', 'v22.17.1', 'v22.18.0', 'v23.5.0', 'v23.6.0', 'v24.0.0', 'nonsense'].map(isEnough), [false, false, true, false, true, true, false]);
});

test('on Windows: quotes in PATH, the version managers, the newest of each first, the usual places', () => {
  const env = { PATH: '"C:\\My Tools";C:\\Windows', APPDATA: 'C:\\Users\\me\\AppData\\Roaming', LOCALAPPDATA: 'C:\\Users\\me\\AppData\\Local', ProgramFiles: 'C:\\Program Files', NVM_HOME: 'D:\\nvm' };
  const [own, ...found] = candidates({
    env, home: 'C:\\Users\\me', platform: 'win32',
    list: listing({ 'D:\\nvm': ['v9.11.2', 'v24.1.0', 'v22.18.0'], 'C:\\Users\\me\\AppData\\Local\\Volta\\tools\\image\\node': ['24.2.0'], 'C:\\Users\\me\\AppData\\Roaming\\fnm\\node-versions': ['v24.3.0'] }),
  });
  assert.match(own!, /node\.exe$/);
  assert.deepEqual(found, [
    'C:\\My Tools\\node.exe', 'C:\\Windows\\node.exe',
    'D:\\nvm\\v24.1.0\\node.exe', 'D:\\nvm\\v22.18.0\\node.exe', 'D:\\nvm\\v9.11.2\\node.exe',
    'C:\\Users\\me\\AppData\\Roaming\\fnm\\node-versions\\v24.3.0\\installation\\node.exe',
    'C:\\Users\\me\\AppData\\Local\\Volta\\tools\\image\\node\\24.2.0\\node.exe',
    'C:\\Program Files\\nodejs\\node.exe', 'C:\\Users\\me\\AppData\\Local\\Programs\\nodejs\\node.exe',
    'C:\\Users\\me\\scoop\\apps\\nodejs\\current\\node.exe', 'C:\\Users\\me\\scoop\\apps\\nodejs-lts\\current\\node.exe',
  ]);
});

test('on macOS, where an editor from the Dock has next to no PATH: fnm, Homebrew', () => {
  const [, ...found] = candidates({
    env: { PATH: '/usr/bin:/bin' }, home: '/Users/me', platform: 'darwin',
    list: listing({ '/Users/me/.nvm/versions/node': ['v8.1.0', 'v24.1.0'], '/Users/me/Library/Application Support/fnm/node-versions': ['v22.19.0'] }),
  });
  assert.deepEqual(found.slice(0, 6), [
    '/usr/bin/node', '/bin/node', '/Users/me/.nvm/versions/node/v24.1.0/bin/node', '/Users/me/.nvm/versions/node/v8.1.0/bin/node',
    '/Users/me/Library/Application Support/fnm/node-versions/v22.19.0/installation/bin/node', '/opt/homebrew/bin/node',
  ]);
  assert.ok(found.includes('/opt/homebrew/opt/node@24/bin/node') && found.includes('/usr/local/bin/node'));
});

test('a Node that lies in the folder one is in, as . and node_modules/.bin in PATH mean it, is none', () => {
  const list = listing({});
  const [, ...found] = candidates({ env: { PATH: '.:node_modules/.bin:./bin::/usr/bin' }, home: '/home/me', platform: 'linux', list });
  assert.equal(found[0], '/usr/bin/node');
  const [, onWindows] = candidates({ env: { PATH: '.;node_modules\\.bin;"bin";C:tools;C:\\Windows' }, home: 'C:\\Users\\me', platform: 'win32', list });
  assert.equal(onWindows, 'C:\\Windows\\node.exe');
});

test('what was asked for is taken or nothing is', () => {
  assert.equal(findNode(process.execPath), process.execPath);
  assert.equal(findNode('/nowhere/node'), undefined);
});
