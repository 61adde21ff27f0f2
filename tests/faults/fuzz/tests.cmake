# Damaged files of each kind, drawn from a seed. FILIGREE_FUZZ=1000 draws so many per kind.
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  add_executable(fuzz_server "${CMAKE_CURRENT_LIST_DIR}/fuzz_server.cpp")
  target_link_libraries(fuzz_server PRIVATE filigree_launch)
  add_test(NAME fuzz COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/fuzz.py")
  set_tests_properties(fuzz PROPERTIES LABELS "faults;e2e" TIMEOUT 600 PROCESSORS 2
    ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>;FILIGREE_FUZZ_SERVER=$<TARGET_FILE:fuzz_server>")
else()
  message(STATUS "the test fuzz is left out: it needs the program and FILIGREE_PYTHON (${FILIGREE_PYTHON})")
endif()
