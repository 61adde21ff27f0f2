# A user's files lie wherever filigree is told to write; after each command they are compared byte for byte.
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME user_files COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/user_files.py")
  set_tests_properties(user_files PROPERTIES
    ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>;PYTHONPATH=${CMAKE_SOURCE_DIR}/tests/faults/inputs"
    LABELS "faults;e2e" TIMEOUT 900 PROCESSORS 1)
else()
  message(STATUS "the test user_files is left out: it needs the program and FILIGREE_PYTHON (${FILIGREE_PYTHON})")
endif()
