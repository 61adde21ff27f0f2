# References from sacrebleu, and from the formulas written out once more in Python.
if(EXISTS "${FILIGREE_PYTHON}")
  if(DEFINED ENV{FILIGREE_SHARED_DATA})
    set(_shared_data "$ENV{FILIGREE_SHARED_DATA}")
  else()
    set(_shared_data "${CMAKE_SOURCE_DIR}/../shared/data")
  endif()
  set(_reference "${CMAKE_BINARY_DIR}/text_metrics_reference")
  file(MAKE_DIRECTORY "${_reference}")
  add_test(NAME text_metrics_reference
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/text_metrics_reference.py" "${_reference}/cases.json" "${_shared_data}")
  set_tests_properties(text_metrics_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP text_metrics_reference TIMEOUT 600
    SKIP_RETURN_CODE 77)
  set_tests_properties(text_metrics_parity_test PROPERTIES FIXTURES_REQUIRED text_metrics_reference)
endif()
