#!/usr/bin/env node
// The command. Runs on any Node, finds one that can strip types, and goes on there.
import { spawn } from 'node:child_process';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { findNode } from './find-node.mjs';

const node = findNode();
if (node === undefined) {
  const asked = process.env.TUNING_FORK_NODE;
  console.error(asked
    ? `TUNING_FORK_NODE is ${asked}, which is not a Node.js of version 22.18 or newer.`
    : `Tuning Fork needs Node.js 22.18 or newer; this is ${process.version} and no other was found.`);
  console.error('  → Install one (https://nodejs.org), or set TUNING_FORK_NODE to its path.');
  process.exit(2);
}

if (node === process.execPath) {
  module.enableCompileCache?.();
  await import('./main.ts');
} else {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
