# Signals to a training run, at many moments.
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  foreach(ranks IN ITEMS 1 2)
    if(ranks GREATER 1 AND NOT FILIGREE_MPI)
      message(STATUS "the test signals_np2 is left out: this build has no MPI")
      continue()
    endif()
    add_test(NAME signals_np${ranks} COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/signals.py" ${ranks})
    set_tests_properties(signals_np${ranks} PROPERTIES LABELS "faults;e2e" TIMEOUT 600 PROCESSORS ${ranks}
      ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>;FILIGREE_MPIRUN=${FILIGREE_MPIRUN}")
  endforeach()
endif()
