# Sourced by the scripts in launch/ and tests/: the paths, and how many processes fit on this machine.
#
#   FILIGREE_ROOT     this checkout
#   FILIGREE_HOME     where set-up installs venv/, models/ and data/ (default ~/.cache/filigree)
#   FILIGREE_MODELS   backbones (default $FILIGREE_HOME/models)
#   filigree_python   the Python whose torch is linked: $FILIGREE_PYTHON if the user sets it, else the venv's
# shellcheck shell=bash
FILIGREE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export FILIGREE_HOME="${FILIGREE_HOME:-${HOME:?set HOME or FILIGREE_HOME}/.cache/filigree}"
export FILIGREE_MODELS="${FILIGREE_MODELS:-$FILIGREE_HOME/models}"
filigree_python="${FILIGREE_PYTHON:-$FILIGREE_HOME/venv/bin/python}"

# Cores this process may use; nproc alone would obey OMP_NUM_THREADS.
filigree_cores() { env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || echo 1; }

# Number of parallel compilations: a file that includes ATen takes up to 1.5 GB.
filigree_jobs() {
  local cores memory
  cores=$(filigree_cores)
  memory=$(awk '/^MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo 2>/dev/null || echo "$cores")
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

# Open MPI refuses to start as root without these, and cross-memory attach is often forbidden in containers.
filigree_mpi_environment() {
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
