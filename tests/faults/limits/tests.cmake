# Numbers of a recipe at the ends of their ranges, in real runs.
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME limits COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/limits.py")
  set_tests_properties(limits PROPERTIES ENVIRONMENT "FILIGREE_BINARY=$<TARGET_FILE:filigree>" LABELS "faults;e2e"
    TIMEOUT 900 PROCESSORS 2)
endif()
