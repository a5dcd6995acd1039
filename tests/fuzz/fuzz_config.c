/* Any bytes as a configuration: an answer, never a crash, never unbounded work; and what was
 * accepted can be walked and read. */
#include "config/config.h"
#include "config/settings.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t walk(const struct config_node *node)
{
	size_t n = 1;

	for (size_t i = 0; i < config_node_count(node); i++)
		n += walk(config_node_at(node, i));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config_document *doc;
	struct settings settings = { 0 };
	struct errmsg em = { "" };

	if (config_parse((struct str){ (const char *)data, n }, "fuzz", &doc, &em) < 0) {
		if (doc || !em.text[0])
			abort();
		return 0;
	}
	if (walk(config_root(doc)) > 131072)
		abort();
	if (config_read(config_root(doc), settings_items, &settings, &em) == 0)
		config_settings_free(settings_items, &settings);
	config_document_free(&doc);
	return 0;
}
