#!/bin/sh
# Say how a Slurm job stands: running, success or failed. usage: status.sh JOB
# While the controller is away it waits: a job that cannot be asked for has not failed.
until state=$(squeue --noheader --states=all --jobs="$1" --format=%T 2>&1) && [ -n "$state" ]; do
    case $state in
    "" | *"Invalid job id"*) # forgotten by the controller
        state=$(sacct --noheader --parsable2 --allocations --jobs="$1" --format=State 2>/dev/null)
        break
        ;;
    esac
    sleep 5
done
case $state in
COMPLETED) echo success ;;
PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | STOPPED | STAGE_OUT) echo running ;;
REQUEUED | REQUEUE_HOLD | REQUEUE_FED | SPECIAL_EXIT | RESIZING | SIGNALING) echo running ;;
*) echo failed ;;
esac
