#include "cli/locate.h"

#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

enum place { PLACE_JOURNAL, PLACE_SOCKET, PLACE_STATE };

static const char *place_of(const struct settings *settings, enum place place)
{
	switch (place) {
	case PLACE_JOURNAL:
		return settings->journal.directory;
	case PLACE_SOCKET:
		return settings->control.socket;
	case PLACE_STATE:
		break;
	}
	return settings->forwarder.state_directory;
}

static enum exit_code from_settings(const struct verb *verb, const char *config, enum place place,
				    char **path_r)
{
	struct settings_document *doc;
	struct errmsg em;

	if (settings_load(config, &doc, &em) < 0) {
		verb_complain(verb, "%s", em.text);
		return EXIT_CONFIG;
	}
	*path_r = strdup(place_of(settings_of(doc), place));
	settings_free(&doc);
	return EXIT_OK;
}

static enum exit_code locate_either(const struct verb *verb, const char *given, const char *config,
				    enum place place, char **path_r)
{
	enum exit_code code = EXIT_OK;

	*path_r = NULL;
	if (given)
		*path_r = strdup(given);
	else
		code = from_settings(verb, config, place, path_r);
	if (code == EXIT_OK && !*path_r) {
		verb_complain(verb, "out of memory");
		code = EXIT_FAILED;
	}
	return code;
}

enum exit_code locate_journal(const struct verb *verb, const struct locate *locate, char **path_r)
{
	return locate_either(verb, locate->journal, locate->config, PLACE_JOURNAL, path_r);
}

enum exit_code locate_socket(const struct verb *verb, const struct locate *locate, char **path_r)
{
	return locate_either(verb, locate->socket, locate->config, PLACE_SOCKET, path_r);
}

enum exit_code locate_state(const struct verb *verb, const char *given, const char *config,
			    char **path_r)
{
	return locate_either(verb, given, config, PLACE_STATE, path_r);
}
