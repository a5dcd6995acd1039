weir_unit_test(metrics LIBS weir_metrics Threads::Threads)
