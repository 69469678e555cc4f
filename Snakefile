"""train -> evaluate -> collect -> report, for every variant of a suite.

snakemake -j8                                   the default suite: results/report/default.html
snakemake -j8 --config suite=smoke              another suite of conf/suite/
snakemake -j8 results/evaluate/task=text,position=alibi/extrapolation.parquet    one file
"""


include: "workflow/rules/common.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        # what a kill took from between two finished jobs is missed by nobody else
        made=lambda _: graph.collected_from(config),
        tables=expand(
            "results/tables/{suite}/{table}.parquet",
            suite=config["suite"],
            table=graph.COLLECTED + graph.JUDGED,
        ),
        report=f"results/report/{config['suite']}.html",
