"""Tuning Fork in Python: the process that owns a model on a GPU, and the exports that let small models do without one.

Serving, from the door inwards:
    __main__ -> server (door, hosts, protocol, requests, errors) -> training and the samplers

Training, in the order things happen:
    packs (safetensors_body)  what comes over the wire, checked
    training                  the Learner: scores, steps, checkpoints, versions; a step is done once
    models                    from a hub or a directory; adapters
    fitting, memory           dry runs: which attention, how large a batch
    rows, batches, segments   packs -> what targets see -> tensors and masks
    passes, predict           batch by batch, chunk by chunk, smaller when memory runs out
    train_step                the loss, written once; fused has gradients by hand
    optimizer, metrics        AdamW in float32; what a step tells of itself
    checkpoints, merge        directories of Hugging Face and PEFT

Sampling:
    open_sampler -> sampling, cached_sampling (prefixes, slabs, steps) or plain_sampling; choosing, randomness, sample_lines

Without a GPU:
    pretrain (decoder)        teaches the embedded policy
    export_onnx               what samples
    export_train              what trains: train_step through layout and lowering
"""
