# weir_unit_test(buf)
# weir_unit_test(json_write LIBS PkgConfig::JANSSON)
# weir_unit_test(base_small)
