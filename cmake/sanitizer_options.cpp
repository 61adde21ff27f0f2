// Options that the sanitizers' run-time libraries read at start. LibTorch, Open MPI and OpenMP are not instrumented:
//  - leaks: their globals are never freed, so their leaks would hide ours;
//  - containers: a std::vector that one side grows and the other reads is reported as an overflow;
//  - threads: barriers inside OpenMP and LibTorch's thread pool are invisible, so the code below them looks like races.
// ASAN_OPTIONS, UBSAN_OPTIONS and TSAN_OPTIONS in the environment override these.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the run-time libraries call these names
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:detect_container_overflow=0:detect_odr_violation=0:protect_shadow_gap=0";
}

extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1:second_deadlock_stack=1"; }

extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libgomp.so\n"
         "called_from_lib:libtorch_cpu.so\n"
         "called_from_lib:libc10.so\n"
         "called_from_lib:libmpi.so\n"
         "called_from_lib:libopen-pal.so\n";
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
