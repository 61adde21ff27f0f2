# Reference tokens from the `tokenizers` package, made once a test run; without them the parity tests skip and say so.
if(EXISTS "${FILIGREE_PYTHON}")
  if(DEFINED ENV{FILIGREE_SHARED_DATA})
    set(_shared_data "$ENV{FILIGREE_SHARED_DATA}")
  else()
    set(_shared_data "${CMAKE_SOURCE_DIR}/../shared/data")
  endif()
  add_test(NAME tokenizer_reference
    COMMAND "${CMAKE_CURRENT_LIST_DIR}/tokenizer_reference.sh" "${FILIGREE_PYTHON}" "${CMAKE_BINARY_DIR}/tokenizer_reference" "${_shared_data}")
  set_tests_properties(tokenizer_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP tokenizer_reference TIMEOUT 600
    SKIP_RETURN_CODE 77)
  set_tests_properties(tokenizer_parity_test unicode_parity_test PROPERTIES FIXTURES_REQUIRED tokenizer_reference)
  add_test(NAME bpe_reference
    COMMAND "${CMAKE_CURRENT_LIST_DIR}/bpe_reference.sh" "${FILIGREE_PYTHON}" "${CMAKE_BINARY_DIR}/bpe_reference" "${_shared_data}")
  set_tests_properties(bpe_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP bpe_reference TIMEOUT 1200
    SKIP_RETURN_CODE 77)
  set_tests_properties(bpe_parity_test PROPERTIES FIXTURES_REQUIRED bpe_reference)
  add_test(NAME config_reference
    COMMAND "${FILIGREE_PYTHON}" -B "${CMAKE_CURRENT_LIST_DIR}/config_reference.py" "${CMAKE_BINARY_DIR}/config_reference")
  set_tests_properties(config_reference PROPERTIES LABELS "unit;parity" FIXTURES_SETUP config_reference TIMEOUT 600
    SKIP_RETURN_CODE 77)
  set_tests_properties(tokenizer_config_parity_test PROPERTIES FIXTURES_REQUIRED config_reference)
endif()
if(TARGET filigree AND EXISTS "${FILIGREE_PYTHON}")
  add_test(NAME tokenize_command
    COMMAND "${FILIGREE_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/tokenize_command.py" $<TARGET_FILE:filigree> "${CMAKE_BINARY_DIR}/tokenizer_reference"
    "${CMAKE_BINARY_DIR}/bpe_reference")
  set_tests_properties(tokenize_command PROPERTIES LABELS "unit;parity" FIXTURES_REQUIRED "tokenizer_reference;bpe_reference" TIMEOUT 300
    SKIP_RETURN_CODE 77)
  add_test(NAME predict_parity
    COMMAND "${FILIGREE_PYTHON}" -B "${CMAKE_CURRENT_LIST_DIR}/predict_parity.py" $<TARGET_FILE:filigree>)
  set_tests_properties(predict_parity PROPERTIES LABELS "unit;parity" TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
