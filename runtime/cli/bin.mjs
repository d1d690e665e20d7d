#!/usr/bin/env node
// The command. Runs on any Node, finds one that can strip types, and goes on there.
import { spawn } from 'node:child_process';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { findNode } from './find-node.mjs';

const node = findNode();
if (node === undefined) {
  const asked = process.env.TUNING_FORK_NODE;
  end(asked
    ? `TUNING_FORK_NODE is ${asked}, which is not a Node.js of version 22.18 or newer.`
    : `Tuning Fork needs Node.js 22.18 or newer; this is ${process.version} and no other was found.`,
  'Install one (https://nodejs.org), or set TUNING_FORK_NODE to its path.');
}

if (node === process.execPath) {
  if (!isInstalled('yaml')) end('The packages that Tuning Fork needs are not installed.', `Run "npm ci" in ${fileURLToPath(new URL('../../', import.meta.url))}`);
  module.enableCompileCache?.();
  await import('./main.ts').catch((error) => {
    if (error.code !== 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') throw error;
    end('This is the source of Tuning Fork in a folder node_modules, where Node.js runs no TypeScript.',
      'In a clone run "npm run package -- --target npm" and install the file it makes, or install the folder of the clone: npm install ../tuning-fork');
  });
} else {
  // It need not look again: what was asked for may be a link or a wrapper, and would be asked for without end.
  const { TUNING_FORK_NODE: _asked, ...env } = process.env;
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to both of us, a supervisor only to this one; the child takes two at once for one. On Windows there are
  // terminals alone, and to pass it on would end the child before it has said and saved anything.
  const passOn = process.platform === 'win32' ? () => {} : (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, passOn);
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

function isInstalled(name) {
  try {
    return import.meta.resolve(name) !== '';
  } catch {
    return false;
  }
}

function end(problem, next) {
  console.error(`${problem}\n  → ${next}`);
  process.exit(2);
}
