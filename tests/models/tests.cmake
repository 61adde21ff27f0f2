# Reference numbers from transformers, made in the build folder before the parity test runs.
set(_bert_reference "${CMAKE_BINARY_DIR}/reference/bert")
add_test(NAME bert_reference COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/bert_reference.py" "${_bert_reference}")
set_tests_properties(bert_reference PROPERTIES FIXTURES_SETUP bert_reference LABELS unit TIMEOUT 600)
set_tests_properties(bert_parity_test PROPERTIES FIXTURES_REQUIRED bert_reference)
