import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { Location, projectFolder } from '../../../runtime/backbone/location.ts';
import { isAlive, isStillOnWindows, killStamped, stampOf, startTimeByPs, timeOfFileTime } from '../../../runtime/processes/stamp.ts';
import { Project, until } from './project.ts';

const module = (name: string): string => JSON.stringify(new URL(`../../../runtime/backbone/${name}`, import.meta.url).href);

describe('the lock of a project', { timeout: 30_000 }, () => {
  it('goes to one of many that find a stale one at the same moment', async () => {
    const { dir, location } = await Project.make();
    writeFileSync(join(location.dir, 'lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }));
    const script = `
      import { existsSync } from 'node:fs';
      const { Location } = await import(${module('location.ts')});
      const location = new Location(${JSON.stringify(dir)});
      process.stdout.write('ready ');
      while (!existsSync(${JSON.stringify(join(dir, 'go'))}));
      process.stdout.write(String(location.lock()));
      setTimeout(() => {}, 60_000);
    `;
    const children = Array.from({ length: 5 }, () => spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const said = children.map(() => '');
    children.forEach((child, index) => child.stdout.on('data', (chunk: Buffer) => void (said[index] += chunk.toString())));
    await until(() => said.every((text) => text.startsWith('ready')));
    writeFileSync(join(dir, 'go'), '');
    await until(() => said.every((text) => /true|false/.test(text)));
    assert.equal(said.filter((text) => text === 'ready true').length, 1, said.join());
    assert.equal(location.holder()!.pid, children[said.indexOf('ready true')]!.pid);
    for (const child of children) child.kill('SIGKILL');
    await until(() => location.holder() === undefined);
    assert.deepEqual(readdirSync(location.dir), ['lock'], 'nothing else is left');
  });

  it('is given back by whoever holds it, and by nobody else', async () => {
    const { location } = await Project.make();
    assert.equal(location.lock(), true);
    assert.equal(location.lock(), false, 'not twice');
    location.release(location.newSocket());
    assert.equal(location.holder(), undefined);
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
    await until(() => stampOf(other.pid!) !== undefined);
    writeFileSync(join(location.dir, 'lock'), JSON.stringify(stampOf(other.pid!)));
    location.release(location.newSocket());
    assert.equal(location.holder()!.pid, other.pid);
    assert.equal(location.lock(), false);
    other.kill('SIGKILL');
  });
});

describe('where a backbone is found', () => {
  it('is a folder that nobody else may read, also where it was made otherwise', async () => {
    const { location, dir } = await Project.make();
    chmodSync(location.dir, 0o755);
    assert.equal(statSync(new Location(dir).dir).mode & 0o777, 0o700);
  });

  it('is short enough for a socket, or says so', (t) => {
    const before = process.env.TUNING_FORK_RUNTIME_DIR;
    t.after(() => void (process.env.TUNING_FORK_RUNTIME_DIR = before));
    process.env.TUNING_FORK_RUNTIME_DIR = join(before!, 'x'.repeat(100));
    assert.throws(() => new Location('/p'), { code: 'backbone', message: /too long a path for a socket/ });
  });

  it('is elsewhere where the temporary folder lies too deep for a socket', { skip: process.platform === 'win32' }, (t) => {
    const { TMPDIR: temporary, TUNING_FORK_RUNTIME_DIR: asked } = process.env;
    t.after(() => {
      process.env.TUNING_FORK_RUNTIME_DIR = asked;
      if (temporary === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = temporary;
    });
    delete process.env.TUNING_FORK_RUNTIME_DIR;
    process.env.TMPDIR = join('/var/folders', 'x'.repeat(80));
    const { dir } = new Location('/p');
    assert.equal(dirname(dir), `/tmp/tuning-fork-${process.getuid!()}`);
    rmSync(dir, { recursive: true });
  });

  it('is the same for a project however it is typed', (t) => {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'tf-typed-')));
    t.after(() => rmSync(dir, { recursive: true }));
    mkdirSync(join(dir, 'project'));
    writeFileSync(join(dir, 'project/package.json'), '{}');
    symlinkSync(join(dir, 'project'), join(dir, 'link'), 'junction');
    assert.equal(projectFolder(join(dir, 'link')), join(dir, 'project'));
    assert.equal(projectFolder(join(dir, 'project/.')), join(dir, 'project'));
  });

  it('is the nearest folder upwards that is a project', async () => {
    const { dir } = await Project.make();
    const below = join(dir, 'a', 'b');
    mkdirSync(below, { recursive: true });
    assert.equal(projectFolder(below), dir);
  });
});

describe('a process and its start', () => {
  it('are not confused with another one of the same pid', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
    await until(() => stampOf(child.pid!) !== undefined);
    const stamp = stampOf(child.pid!)!;
    assert.equal(isAlive(stamp), true);
    assert.equal(killStamped({ ...stamp, started: 'yesterday' }), false);
    assert.equal(isAlive(stamp), true);
    assert.equal(killStamped(stamp), true);
    await until(() => !isAlive(stamp));
    assert.equal(killStamped(stamp), false);
    assert.equal(stampOf(2 ** 22 + 1), undefined);
  });

  it('are told alike by macOS in every language and time zone', { skip: process.platform === 'win32' }, (t) => {
    const { LC_ALL: language, TZ: zone } = process.env;
    t.after(() => {
      for (const [name, value] of [['LC_ALL', language], ['TZ', zone]] as const) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
    const seen = ['C UTC', 'zh_CN.UTF-8 Asia/Shanghai', 'de_DE.UTF-8 America/New_York'].map((where) => {
      [process.env.LC_ALL, process.env.TZ] = where.split(' ');
      return startTimeByPs(process.pid);
    });
    assert.match(seen[0]!, /^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/);
    assert.equal(new Set(seen).size, 1, seen.join());
  });

  it('are asked for on Windows only where its pid is in use, and seldom', () => {
    const started = Date.parse('2026-11-20T12:00:00.000Z');
    assert.equal(timeOfFileTime('134396496000000000\r\n'), started);
    let asked = 0;
    const tells = (time: number | undefined) => (): number | undefined => (asked++, time);
    const stamp = { pid: process.ppid, started: String(started) };
    assert.equal(isStillOnWindows({ pid: 2 ** 22 + 1, started: String(started) }, tells(started)), false);
    assert.equal(asked, 0, 'nobody has this pid');
    assert.equal(isStillOnWindows(stamp, tells(started + 60_000)), false, 'a later process');
    assert.equal(isStillOnWindows(stamp, tells(undefined)), false, 'one of somebody else');
    assert.equal(isStillOnWindows({ ...stamp, started: 'unknown' }, tells(started)), false);
    assert.equal(isStillOnWindows(stamp, tells(started - 900)), true);
    asked = 0;
    assert.equal(isStillOnWindows(stamp, tells(undefined)), true);
    assert.equal(asked, 0, 'it was asked a moment ago');
  });
});
