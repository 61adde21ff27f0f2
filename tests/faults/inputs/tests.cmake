# Bad recipes, files and disks, one fault each, given to the program itself.
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME bad_inputs COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/bad_inputs.py")
  set_tests_properties(bad_inputs PROPERTIES ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>" LABELS "faults;e2e"
    TIMEOUT 1200 PROCESSORS 2)
else()
  message(STATUS "the test bad_inputs is left out: it needs the program and FILIGREE_PYTHON (${FILIGREE_PYTHON})")
endif()
