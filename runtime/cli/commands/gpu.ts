import { TuningForkError } from '../../protocol/errors.ts';
import { nearest } from '../../protocol/suggest.ts';
import { GPU_PORT } from '../../trainers/gpu/home.ts';
import { wholeNumber, type Args, type Command } from '../args.ts';
import { t } from '../l10n.ts';

const actions: Record<string, (args: Args) => Promise<number>> = {
  setup: async (args) => (await import('./gpu-setup.ts')).setUp(args),
  doctor: async (args) => (await import('./gpu-doctor.ts')).examine(args),
  serve: async (args) => (await import('./gpu-serve.ts')).serveGpu(args),
};

export const gpu: Command = {
  name: 'gpu',
  summary: 'Set up, examine or serve the GPU runtime, which trains larger models with PyTorch',
  usage: 'setup | doctor | serve --model <model>',
  about: [
    'setup makes an environment of its own from Python 3.11 or newer, in ~/.tuning-fork and not in the project. Cut off, the next call goes on where it was.',
    'doctor says what is there, what is missing, and the next step; with --conf also whether the runtime on another machine answers.',
    'A training with backbone gpu starts its own where the configuration names none.',
    'A model comes from the Hugging Face hub, or from the mirror that HF_ENDPOINT names; modelscope:<name> comes from ModelScope.',
    'serve runs it in the foreground on a machine that was set up in the same way, for trainings that are started on others. They train what is served; give them gpu.ssh, or gpu.url and the token.',
  ],
  examples: [
    'tuning-fork gpu setup',
    'tuning-fork gpu doctor',
    'tuning-fork train --conf tuning-fork.yaml --backbone gpu --set model.path=Qwen/Qwen2.5-0.5B-Instruct',
    'tuning-fork gpu serve --model Qwen/Qwen2.5-0.5B-Instruct',
    'tuning-fork gpu doctor --conf tuning-fork.yaml',
  ],
  options: {
    cuda: { help: 'With setup: PyTorch for NVIDIA GPUs (default: where a driver answers)' },
    cpu: { help: 'With setup: PyTorch for the CPU' },
    fresh: { help: 'With setup: begin anew' },
    dir: { value: 'dir', help: 'With setup and doctor: the environment (default: ~/.tuning-fork/gpu)' },
    python: { value: 'path', help: 'Another Python: with setup the one that makes the environment, else the one that runs it' },
    conf: { value: 'yaml', short: 'c', help: 'With doctor: the configuration that says where it runs' },
    model: { value: 'model', short: 'm', help: 'With serve: a folder, the name of a model on the Hugging Face hub, modelscope:<name>, or embedded' },
    host: { value: 'address', help: 'With serve: address to listen at (default: 127.0.0.1, this machine only)' },
    port: { value: 'port', short: 'p', help: `With serve: where to listen (default: ${GPU_PORT}; 0: a free one)`, number: wholeNumber(0) },
    'token-file': { value: 'file', help: 'With serve: the file with its token, made where it is missing (default: ~/.tuning-fork/gpu-token)' },
    keep: { value: 'dir', help: 'With serve: where checkpoints of trainings elsewhere are kept (default: ~/.tuning-fork/checkpoints)' },
    'tls-cert': { value: 'file', help: 'With serve: certificate (PEM), for https' },
    'tls-key': { value: 'file', help: 'With serve: its private key (PEM)' },
    insecure: { help: 'With serve: allow a --host that other machines reach without https: token and rollouts travel unencrypted' },
    device: { value: 'device', help: 'With serve: auto, cpu, cuda or cuda:0 (default: auto)' },
    dtype: { value: 'dtype', help: 'With serve: of the weights (default: auto)', choices: ['auto', 'float32', 'bfloat16', 'float16'] },
    'lora-rank': { value: 'n', help: 'With serve: train adapters of this rank; 0: all weights (default: 0)', number: wholeNumber(0) },
    'lora-alpha': { value: 'x', help: 'With serve: scale of the adapters (default: twice the rank)', number: { integer: false, least: 0 } },
    'lora-targets': { value: 'names', help: 'With serve: layers that get one, comma separated (default: all-linear)' },
    'gradient-checkpointing': { help: 'With serve: less memory, a third more time' },
    'offload-optimizer': { help: 'With serve: the state of the optimizer in the memory of the machine' },
  },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const [action = ''] = args.words;
    if (Object.hasOwn(actions, action)) return actions[action]!(args);
    const meant = nearest(action, Object.keys(actions));
    throw new TuningForkError('usage', t('There is no "gpu {0}".', action), { next: meant === undefined ? t('There are {0}.', Object.keys(actions).join(', ')) : t('Did you mean {0}?', `"tuning-fork gpu ${meant}"`) });
  },
};
