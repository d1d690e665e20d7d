#!/usr/bin/env node
// The command. Runs on any Node, finds one that can strip types, and goes on there.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepCompiledCode } from '../processes/code-cache.mjs';
import { findNode } from './find-node.mjs';
import { say } from './say.mjs';

const node = findNode();
if (node === undefined) {
  const asked = process.env.TUNING_FORK_NODE;
  end(asked
    ? say(`TUNING_FORK_NODE is ${asked}, which is not a Node.js of version 22.18 or newer.`, `TUNING_FORK_NODE 是 ${asked}，它不是 22.18 或更新版本的 Node.js。`)
    : say(`Tuning Fork needs Node.js 22.18 or newer; this is ${process.version} and no other was found.`, `Tuning Fork 需要 Node.js 22.18 或更新版本；这里是 ${process.version}，也没有找到其他版本。`),
  say('Install one (https://nodejs.org), or set TUNING_FORK_NODE to its path.', '请安装一个（https://nodejs.org），或把 TUNING_FORK_NODE 设为它的路径。'));
}

if (node === process.execPath) {
  if (!isInstalled('yaml')) {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    end(say('The packages that Tuning Fork needs are not installed.', 'Tuning Fork 所需的包尚未安装。'), say(`Run "npm ci" in ${root}`, `请在 ${root} 运行 "npm ci"`));
  }
  keepCompiledCode();
  await import('./main.ts').catch((error) => {
    if (error.code !== 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') throw error;
    end(say('This is the source of Tuning Fork in a folder node_modules, where Node.js runs no TypeScript.', '这是 node_modules 文件夹里的 Tuning Fork 源代码，Node.js 在那里不运行 TypeScript。'), say(
      'In a clone run "npm run package -- --target npm" and install the file it makes, or install the folder of the clone: npm install ../tuning-fork',
      '请在克隆的仓库里运行 "npm run package -- --target npm" 并安装生成的文件，或直接安装克隆的文件夹：npm install ../tuning-fork',
    ));
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
