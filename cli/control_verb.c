#include "cli/control_verb.h"

#include <stdlib.h>

static enum exit_code code_of(enum control_answer answer)
{
	switch (answer) {
	case CONTROL_ANSWERED:
		return EXIT_OK;
	case CONTROL_NOT_RUNNING:
		return EXIT_NOT_RUNNING;
	case CONTROL_DENIED:
		return EXIT_UNSUPPORTED;
	case CONTROL_FAILED:
		return EXIT_FAILED;
	}
	return EXIT_FAILED;
}

enum exit_code control_verb_ask(const struct verb *verb, const struct locate *locate,
				struct control_request *request, unsigned int *status_r,
				struct buf *body)
{
	enum control_answer answer;
	struct errmsg em = { "" };
	char *socket = NULL;
	enum exit_code code = locate_socket(verb, locate, &socket);

	if (code != EXIT_OK)
		return code;
	request->socket = socket;
	answer = control_ask(request, status_r, body, &em);
	if (answer != CONTROL_ANSWERED)
		verb_complain(verb, "%s", em.text);
	request->socket = NULL;
	free(socket);
	return code_of(answer);
}

enum exit_code control_verb_refuse(const struct verb *verb, unsigned int status)
{
	verb_complain(verb, "the running weir answered with HTTP status %u; is it another version?",
		      status);
	return EXIT_FAILED;
}
