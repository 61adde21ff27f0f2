# Ranks that stop, die or go astray: real processes under mpirun.
if(FILIGREE_MPI)
  add_executable(hang_rank "${CMAKE_CURRENT_LIST_DIR}/hang_rank.cpp")
  target_link_libraries(hang_rank PRIVATE filigree_dist)
  set(hang_script "${CMAKE_CURRENT_LIST_DIR}/hang.sh")

  # hang_test(MODE RANKS DEADLINE EXIT_CODE MESSAGE...)
  function(hang_test mode ranks deadline code)
    add_test(NAME hang_${mode}_np${ranks}
      COMMAND "${hang_script}" "${FILIGREE_MPIRUN}" $<TARGET_FILE:hang_rank> ${mode} ${ranks} ${deadline} ${code} ${ARGN})
    set_tests_properties(hang_${mode}_np${ranks} PROPERTIES LABELS "dist;faults" TIMEOUT 180 PROCESSORS 2)
  endfunction()

  set(in_time "group dp (4096 bytes) did not complete in 3.0 s")
  set(rank1 "missing: rank 1 (host HOST)")
  hang_test(sleep    2 3 4 "rank 0 (host HOST): all_reduce #1 of ${in_time}" "${rank1}")
  hang_test(sleep    4 3 4 "(host HOST): all_reduce #1 of ${in_time}" "${rank1}")  # by the first of the three
  hang_test(stop     2 3 4 "rank 0 (host HOST): all_reduce #1 of ${in_time}" "${rank1}")
  hang_test(backward 2 3 4 "rank 0 (host HOST): all_reduce #1 of ${in_time}" "${rank1}")
  hang_test(recv     2 3 4 "rank 0 (host HOST): recv #1 of group world (64 bytes) did not complete in 3.0 s" "${rank1}")
  hang_test(other    2 3 4 "#1 of group dp" "out of step: rank" "rank 1 (host HOST)")
  # Both wait, in different collectives; whose deadline passes first is open.
  hang_test(leave    2 3 4 "elsewhere: rank" "all_reduce #1 of group dp (4096 bytes)" "barrier #1 of group control (0 bytes)")
  hang_test(late     2 3 4 "rank 0 (host HOST): barrier #1 of group control (0 bytes) did not complete in 3.0 s" "${rank1}")
  hang_test(shorter  2 60 4 "rank 1 (host HOST): all_reduce #1 of group dp (40 bytes) failed:")
  hang_test(throw    2 60 3 "rank 1: the disk is full")
  # A rank that is stopped where MPI itself waits: its start, the making of a group, its end. MPI names nobody.
  hang_test(start    2 3 4 "rank 0 (host HOST): the start of MPI did not complete in 3.0 s: another rank has not started")
  hang_test(start    4 3 4 "rank 0 (host HOST): the start of MPI did not complete in 3.0 s: another rank has not started")
  hang_test(group    2 3 4 "rank 0 (host HOST): the start of group " "did not complete in 3.0 s: another rank")
  hang_test(end      2 3 4 "rank 0 (host HOST): the end of MPI did not complete in 3.0 s: another rank")
  # mpirun itself sees a process die: it ends the others at once, names the rank and its node, and returns 128 + 9.
  hang_test(kill     2 60 137 "rank 1")
else()
  message(STATUS "the tests hang_* are left out: this build has no MPI")
endif()
