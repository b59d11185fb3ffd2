#!/usr/bin/env bash
#SBATCH --job-name=auvseg
#SBATCH --array=0-15
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=08:00:00
# One data set in as many parts as the array has tasks, all of them into one run folder, which must be on a file system
# that all nodes see:
#
#     sbatch examples/slurm_array.sh nnUNet_raw/Dataset004_Hippocampus runs/hippocampus [further options of auvseg score]
#
# A task that was killed or ran out of time goes on where it stopped when it is submitted again, as does the whole array.
# Cases that cannot be scored make a task end with status 1: it is done, and lists them. The last task writes the table;
# `auvseg rank RUN` makes it too, at any time, of the cases that are done.
set -euo pipefail
dataset=${1:?the data set} run=${2:?the run folder}
shift 2
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

auvseg score "$dataset" -o "$run" --num-parts "${SLURM_ARRAY_TASK_COUNT:-1}" --part-id "${SLURM_ARRAY_TASK_ID:-0}" "$@"
