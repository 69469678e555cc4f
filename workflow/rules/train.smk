rule train:
    input:
        plan=graph.train_plan,
        parents=graph.train_parents,
    output:
        manifest="results/train/{variant}/checkpoints.json",
        training="results/train/{variant}/training.parquet",
        timing="results/train/{variant}/timing.parquet",
    log:
        "results/logs/train/{variant}.log",
    benchmark:
        "results/benchmarks/train/{variant}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.train {input.plan:q} results/train/{wildcards.variant:q}"
        " 2>&1 | tee {log:q}"
