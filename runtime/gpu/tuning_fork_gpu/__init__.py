"""Tuning Fork in Python: the process that owns a model on a GPU, and the exports that let small models do without one.

`python -m tuning_fork_gpu serve` opens the door of `serving/`; behind it are a learner and the samplers. Shared by the rooms: `models` (from a hub
or a directory; adapters), `loss` (written once), `fused` (gradients by hand), `device` (what is compiled for a GPU), `errors`.

protocol/   what may come in, checked: requests (JSON, by reader), packs (safetensors)
serving/    door (HTTP) -> server -> sample_lines
training/   in the order things happen:
    learner                   scores, steps, checkpoints, versions; a step is done once
    fitting, memory           dry runs: which attention, how large a batch
    rows, batches             packs -> what targets see -> tensors
    blocks, segments          attention over trees: on a GPU, anywhere else
    passes, predict           batch by batch, chunk by chunk, smaller when memory runs out
    optimizer, metrics        AdamW in float32; what a step tells of itself
    checkpoints, merge        directories of Hugging Face and PEFT
sampling/   opening -> sampler -> cached (prefixes, slabs, steps) or plain; choosing, randomness
export/     for where there is no GPU: pretrain teaches the embedded policy, sampling_graph writes what samples, training_graphs what trains:
            train_step (architecture, layout) through lowering
"""
