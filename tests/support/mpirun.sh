#!/usr/bin/env bash
# mpirun for tests: as root and with more ranks than cores, one OpenMP thread a rank.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec mpirun --oversubscribe "$@"
