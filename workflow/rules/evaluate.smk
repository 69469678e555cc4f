rule evaluate:
    input:
        plan=graph.evaluate_plan,
        parents=graph.evaluate_parents,
        manifest=graph.checkpoints,
    output:
        expand("results/evaluate/{{variant}}/{table}.parquet", table=graph.EVALUATED),
    log:
        "results/logs/evaluate/{variant}.log",
    benchmark:
        "results/benchmarks/evaluate/{variant}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.evaluate {input.plan:q} {input.manifest:q}"
        " results/evaluate/{wildcards.variant:q} 2>&1 | tee {log:q}"
