/* tests/unit/fake_redaction.h: a stand-in for the redaction room, linked in its place. It puts
 * "[secret removed]" where the word SECRET stands, so that text grows; "EXPLODE" masks the field
 * whole, from memory of its own. Everything is counted in the outcome as the real one does. */
#pragma once

#include "redaction/redaction.h"
