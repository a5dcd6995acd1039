weir_unit_test(redaction LIBS weir_redaction)
