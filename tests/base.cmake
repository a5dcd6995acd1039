weir_unit_test(buf)
weir_unit_test(json_write LIBS PkgConfig::JANSSON)
weir_unit_test(base_small)
target_link_options(test_base_small PRIVATE -Wl,--wrap=munmap -Wl,--wrap=madvise)
