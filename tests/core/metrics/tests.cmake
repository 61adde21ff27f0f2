# References from scikit-learn and SciPy.
if(EXISTS "${FILIGREE_PYTHON}")
  set(_reference "${CMAKE_BINARY_DIR}/train_reference")
  file(MAKE_DIRECTORY "${_reference}")
  add_test(NAME metrics_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/metrics_reference.py" "${_reference}/metrics.json")
  set_tests_properties(metrics_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP metrics_reference TIMEOUT 300)
  set_tests_properties(metrics_test PROPERTIES FIXTURES_REQUIRED metrics_reference)
endif()
