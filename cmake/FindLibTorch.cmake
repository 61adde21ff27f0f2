# Finds LibTorch without find_package(Torch), which requires nvcc for a CUDA build.
#
# Search order:
#   LIBTORCH_ROOT            a folder with include/ and lib/ (a LibTorch archive, or the wheel's torch/ folder)
#   CMAKE_PREFIX_PATH        the same, the usual way to name a stock LibTorch; also from the environment
#   FILIGREE_PYTHON          a Python whose torch is used (default: the venv that launch/setup.sh makes)
#
# Defines the targets
#   LibTorch::cpu            libtorch, libtorch_cpu, libc10 with their include folders (SYSTEM)
#   LibTorch::cuda           the above with libtorch_cuda and libc10_cuda; only for a CUDA build of LibTorch
#   LibTorch::nccl           NCCL's header and library from the wheels next to torch, else the system's; optional
# and the variables LIBTORCH_VERSION, LIBTORCH_LIBRARY_DIR, FILIGREE_PYTHON.
#
# FILIGREE_CUDA=OFF ignores the CUDA libraries of a CUDA build: no LibTorch::cuda, no LibTorch::nccl.

set(_filigree_home "$ENV{FILIGREE_HOME}")
if(NOT _filigree_home)
  set(_filigree_home "$ENV{HOME}/.cache/filigree")
endif()
set(FILIGREE_PYTHON "${_filigree_home}/venv/bin/python" CACHE FILEPATH "Python whose torch package is linked against")

set(_candidates "")
if(LIBTORCH_ROOT)
  list(APPEND _candidates "${LIBTORCH_ROOT}")
endif()
string(REPLACE ":" ";" _environment_prefixes "$ENV{CMAKE_PREFIX_PATH}")
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH _environment_prefixes)
  list(APPEND _candidates "${_prefix}" "${_prefix}/libtorch" "${_prefix}/../..")
endforeach()
if(EXISTS "${FILIGREE_PYTHON}")
  execute_process(
    COMMAND "${FILIGREE_PYTHON}" -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE _wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(_wheel)
    list(APPEND _candidates "${_wheel}")
  endif()
endif()

set(_root "")
foreach(_candidate IN LISTS _candidates)
  if(EXISTS "${_candidate}/include/ATen/core/Tensor.h" OR EXISTS "${_candidate}/include/ATen/core/TensorBody.h")
    get_filename_component(_root "${_candidate}" REALPATH)
    break()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
if(NOT _root STREQUAL LIBTORCH_FOUND_IN)
  # Not the LibTorch of the last configuration: the paths found next to that one are stale.
  foreach(_name IN ITEMS CPU_LIBRARY LIBRARY C10_LIBRARY CUDA_LIBRARY C10_CUDA_LIBRARY CUDA_INCLUDE NCCL_INCLUDE NCCL_LIBRARY
          CUDART_LIBRARY)
    unset(LIBTORCH_${_name} CACHE)
  endforeach()
  set(LIBTORCH_FOUND_IN "${_root}" CACHE INTERNAL "")
endif()
if(_root)
  set(LIBTORCH_LIBRARY_DIR "${_root}/lib")
  find_library(LIBTORCH_CPU_LIBRARY torch_cpu PATHS "${LIBTORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
  find_library(LIBTORCH_LIBRARY torch PATHS "${LIBTORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
  find_library(LIBTORCH_C10_LIBRARY c10 PATHS "${LIBTORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
  find_library(LIBTORCH_CUDA_LIBRARY torch_cuda PATHS "${LIBTORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
  find_library(LIBTORCH_C10_CUDA_LIBRARY c10_cuda PATHS "${LIBTORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
  set(LIBTORCH_VERSION "")
  foreach(_header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)  # the second: of older versions
    if(NOT LIBTORCH_VERSION AND EXISTS "${_root}/include/${_header}")
      file(STRINGS "${_root}/include/${_header}" _version REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE "[^0-9;]" "" _version "${_version}")
      string(REPLACE ";" "." LIBTORCH_VERSION "${_version}")
    endif()
  endforeach()
endif()

find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LIBTORCH_CPU_LIBRARY LIBTORCH_LIBRARY LIBTORCH_C10_LIBRARY
  VERSION_VAR LIBTORCH_VERSION
  REASON_FAILURE_MESSAGE "run launch/setup.sh, or point CMAKE_PREFIX_PATH at a LibTorch, or FILIGREE_PYTHON at a Python with torch")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  # -idirafter: torch/include contains headers of another version of fmt, which must not hide the fmt that is linked.
  target_compile_options(LibTorch::cpu INTERFACE
    "SHELL:-idirafter ${_root}/include" "SHELL:-idirafter ${_root}/include/torch/csrc/api/include")
  # --no-as-needed: kernels register themselves when their library is loaded; nothing references them by symbol.
  # libtorch itself is empty and pulls in libtorch_cpu and, in a CUDA build, libtorch_cuda.
  set(_libraries "${LIBTORCH_CPU_LIBRARY}" "${LIBTORCH_C10_LIBRARY}")
  if(FILIGREE_CUDA)
    list(PREPEND _libraries "${LIBTORCH_LIBRARY}")
  endif()
  # stdc++ first: the wheel's libraries export parts of another compiler's std::filesystem, which crash if a program
  # binds to them (e.g. remove_all).
  target_link_libraries(LibTorch::cpu INTERFACE -Wl,--no-as-needed stdc++ ${_libraries} -Wl,--as-needed)
  target_link_options(LibTorch::cpu INTERFACE "-Wl,-rpath,${LIBTORCH_LIBRARY_DIR}")
  if(FILIGREE_CUDA AND LIBTORCH_CUDA_LIBRARY AND LIBTORCH_C10_CUDA_LIBRARY)
    get_filename_component(_site "${_root}" DIRECTORY)
    add_library(LibTorch::cuda INTERFACE IMPORTED)
    target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu
      -Wl,--no-as-needed "${LIBTORCH_CUDA_LIBRARY}" "${LIBTORCH_C10_CUDA_LIBRARY}" -Wl,--as-needed)
    find_path(LIBTORCH_CUDA_INCLUDE cuda_runtime_api.h
      HINTS "${_site}/nvidia/cu13/include" "${_site}/nvidia/cuda_runtime/include" /usr/local/cuda/include)
    find_path(LIBTORCH_NCCL_INCLUDE nccl.h HINTS "${_site}/nvidia/nccl/include" /usr/local/cuda/include)
    find_library(LIBTORCH_NCCL_LIBRARY NAMES nccl libnccl.so.2 NAMES_PER_DIR HINTS "${_site}/nvidia/nccl/lib")
    find_library(LIBTORCH_CUDART_LIBRARY NAMES cudart libcudart.so.13 libcudart.so.12 NAMES_PER_DIR
      HINTS "${_site}/nvidia/cu13/lib" "${_site}/nvidia/cuda_runtime/lib" /usr/local/cuda/lib64)
    if(LIBTORCH_CUDA_INCLUDE)
      target_include_directories(LibTorch::cuda SYSTEM INTERFACE "${LIBTORCH_CUDA_INCLUDE}")
    endif()
    if(LIBTORCH_CUDA_INCLUDE AND LIBTORCH_NCCL_INCLUDE AND LIBTORCH_NCCL_LIBRARY AND LIBTORCH_CUDART_LIBRARY)
      add_library(LibTorch::nccl INTERFACE IMPORTED)
      target_include_directories(LibTorch::nccl SYSTEM INTERFACE "${LIBTORCH_NCCL_INCLUDE}")
      target_link_libraries(LibTorch::nccl INTERFACE LibTorch::cuda "${LIBTORCH_NCCL_LIBRARY}" "${LIBTORCH_CUDART_LIBRARY}")
      get_filename_component(_nccl_dir "${LIBTORCH_NCCL_LIBRARY}" DIRECTORY)
      get_filename_component(_cudart_dir "${LIBTORCH_CUDART_LIBRARY}" DIRECTORY)
      target_link_options(LibTorch::nccl INTERFACE "-Wl,-rpath,${_nccl_dir}:${_cudart_dir}")
    endif()
  endif()
endif()
