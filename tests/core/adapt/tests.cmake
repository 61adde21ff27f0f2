# Reference supports from PyTorch, made once a test run; without them the parity tests skip and say so.
if(EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME support_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/support_reference.py" "${CMAKE_BINARY_DIR}/support_reference")
  set_tests_properties(support_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP support_reference TIMEOUT 300)
  set_tests_properties(support_test PROPERTIES FIXTURES_REQUIRED support_reference)
endif()
