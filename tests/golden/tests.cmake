# Numbers of short runs that must stay as they are. After a change that means to change them: golden.py --renew, and review the diff.
if(TARGET filigree AND FILIGREE_MPI AND EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME golden COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/golden.py")
  set_tests_properties(golden PROPERTIES
    ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>;FILIGREE_SOURCE=${CMAKE_SOURCE_DIR}"
    LABELS "e2e;dist;parity" TIMEOUT 600 PROCESSORS 2)
else()
  message(STATUS "the test golden is left out: it needs the program, MPI and FILIGREE_PYTHON (${FILIGREE_PYTHON})")
endif()
