# References from torch and transformers, made once a test run; without them the parity tests skip and say so.
if(EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME optim_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/optim_reference.py" "${CMAKE_BINARY_DIR}/optim_reference")
  set_tests_properties(optim_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP optim_reference TIMEOUT 300)
  set_tests_properties(schedule_test adamw_test PROPERTIES FIXTURES_REQUIRED optim_reference)
endif()
