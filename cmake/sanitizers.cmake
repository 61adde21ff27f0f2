# FILIGREE_SANITIZE: the flags for every target, and the run-time options that a program with LibTorch needs, built into
# each executable so that it behaves the same by hand, under ctest and under mpirun.
if(FILIGREE_SANITIZE)
  set(_flags "-fsanitize=${FILIGREE_SANITIZE}" -fno-omit-frame-pointer)
  # In instrumented code GCC's analysis gives false warnings about the standard library (std::regex, std::optional,
  # std::string).
  list(APPEND _flags -Wno-maybe-uninitialized -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
       -Wno-stringop-overread)
  if(FILIGREE_SANITIZE MATCHES "undefined")
    # vptr needs type information that LibTorch's libraries hide.
    list(APPEND _flags -fno-sanitize=vptr -fno-sanitize-recover=undefined)
  endif()
  if(FILIGREE_SANITIZE MATCHES "thread")
    # GCC warns that it cannot follow std::atomic_thread_fence; LibTorch's headers use it.
    list(APPEND _flags -Wno-tsan)
  endif()
  target_compile_options(filigree_flags INTERFACE ${_flags})
  target_link_options(filigree_flags INTERFACE ${_flags})
  add_library(filigree_sanitizer_options OBJECT "${CMAKE_SOURCE_DIR}/cmake/sanitizer_options.cpp")
  target_link_libraries(filigree_flags INTERFACE $<TARGET_OBJECTS:filigree_sanitizer_options>)
  add_dependencies(filigree_flags filigree_sanitizer_options)
endif()
