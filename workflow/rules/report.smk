rule collect:
    input:
        plan=graph.collect_plan,
        tables=graph.collected_from,
    output:
        expand("results/tables/{{suite}}/{table}.parquet", table=graph.COLLECTED),
    log:
        "results/logs/collect/{suite}.log",
    benchmark:
        "results/benchmarks/collect/{suite}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.collect {input.plan:q} results/tables/{wildcards.suite:q}"
        " 2>&1 | tee {log:q}"


rule claims:
    input:
        plan=graph.claims_plan,
        tables=expand("results/tables/{{suite}}/{table}.parquet", table=graph.COLLECTED),
    output:
        expand("results/tables/{{suite}}/{table}.parquet", table=graph.JUDGED),
    log:
        "results/logs/claims/{suite}.log",
    benchmark:
        "results/benchmarks/claims/{suite}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.claims {input.plan:q} results/tables/{wildcards.suite:q}"
        " 2>&1 | tee {log:q}"


rule report:
    input:
        plan=graph.report_plan,
        tables=expand(
            "results/tables/{{suite}}/{table}.parquet",
            table=graph.COLLECTED + graph.JUDGED,
        ),
    output:
        report(
            "results/report/{suite}.html",
            caption="../report/report.rst",
            category="Report",
            labels={"suite": "{suite}"},
        ),
    log:
        "results/logs/report/{suite}.log",
    benchmark:
        "results/benchmarks/report/{suite}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.report {input.plan:q} results/tables/{wildcards.suite:q} {output:q}"
        " 2>&1 | tee {log:q}"


rule figures:
    input:
        plan=graph.report_plan,
        tables=expand(
            "results/tables/{{suite}}/{table}.parquet",
            table=graph.COLLECTED + graph.JUDGED,
        ),
    output:
        directory("results/report/figures/{suite}"),
    log:
        "results/logs/figures/{suite}.log",
    benchmark:
        "results/benchmarks/figures/{suite}.tsv"
    conda:
        "../envs/kexue_pipe.yaml"
    threads: 1
    shell:
        "python -m kexue_pipe.report {input.plan:q} results/tables/{wildcards.suite:q} {output:q}"
        " --figures 2>&1 | tee {log:q}"
