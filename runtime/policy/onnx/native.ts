/** Why the native part of ONNX Runtime does not load on a machine, and what helps there. */
import { TuningForkError } from '../../protocol/errors.ts';

const BINDING = 'onnxruntime_binding.node';

/** Any other error stays what it is. */
export function explainLoading(error: unknown, { platform, arch }: { platform: NodeJS.Platform; arch: string } = process): unknown {
  const message = error instanceof Error ? error.message : String(error);
  const told = (problem: string, next: string): TuningForkError => new TuningForkError('policy', problem, { next, cause: error });
  if (message.startsWith('Cannot find module') && message.includes(BINDING)) {
    return told(`ONNX Runtime, which runs the embedded model, has no build for ${platform} on ${arch}.`, platform === 'darwin'
      ? 'On a Mac with Apple silicon install the Node.js for arm64; on one with Intel take a model of a server, such as ollama:qwen3.'
      : 'Take a model of a server, such as ollama:qwen3.');
  }
  if (!message.includes('onnxruntime')) return error;
  const [first = ''] = message.split('\n');
  // In the language of the system, so only the place is looked for.
  if (platform === 'win32' && message.includes(BINDING)) {
    return told(`ONNX Runtime, which runs the embedded model, can't be loaded: ${first.trim()}`, `Install the Visual C++ runtime of Microsoft: https://aka.ms/vs/17/release/vc_redist.${arch}.exe`);
  }
  if (platform === 'linux' && /GLIBC|ld-linux|Error (?:loading|relocating)|libstdc\+\+/.test(message)) {
    return told(`ONNX Runtime, which runs the embedded model, needs a Linux with glibc 2.28 or newer, and this one is not: ${first.trim()}`, 'Use Debian 10, Ubuntu 20.04 or newer, not Alpine; or take a model of a server, such as ollama:qwen3.');
  }
  return error;
}
