import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import { languageOf, localize } from '../../../../runtime/protocol/localize.ts';
import { explainLoading } from '../../../../runtime/policy/onnx/native.ts';

const CASES: [platform: NodeJS.Platform, arch: string, message: string, told: RegExp, next: RegExp][] = [
  ['darwin', 'x64', "Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'\nRequire stack:\n- /p/node_modules/onnxruntime-node/dist/binding.js", /no build for darwin on x64/, /arm64/],
  ['freebsd', 'x64', "Cannot find module '../bin/napi-v6/freebsd/x64/onnxruntime_binding.node'", /no build for freebsd/, /model of a server/],
  ['win32', 'x64', '找不到指定的模块。\r\n\\\\?\\C:\\p\\node_modules\\onnxruntime-node\\bin\\napi-v6\\win32\\x64\\onnxruntime_binding.node', /can't be loaded: 找不到指定的模块。$/, /vc_redist\.x64\.exe$/],
  ['linux', 'x64', "/lib/x86_64-linux-gnu/libm.so.6: version `GLIBC_2.28' not found (required by /p/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1)", /needs a Linux with glibc 2\.28/, /Ubuntu 20\.04/],
  ['linux', 'x64', 'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /p/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node)', /needs a Linux with glibc/, /not Alpine/],
];

test('where ONNX Runtime does not load, one sentence says why and what helps, in both languages', () => {
  for (const [platform, arch, message, told, next] of CASES) {
    const error = explainLoading(new Error(message), { platform, arch });
    assert.ok(error instanceof TuningForkError, message);
    assert.match(error.message, told);
    assert.match(error.next!, next);
    for (const text of [error.message, error.next!]) assert.match(localize(text, languageOf({ LANG: 'zh' })), /\p{Script=Han}/u);
  }
});

test('any other error is left alone', () => {
  const other = new Error('Cannot find module ./graph.ts');
  assert.equal(explainLoading(other), other);
});
