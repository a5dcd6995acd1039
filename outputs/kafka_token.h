/* outputs/kafka_token.h: the token of SASL OAUTHBEARER: from the configuration, or from a file that
 * somebody else renews. */
#pragma once

#include "outputs/kafka_settings.h"

/* What a JSON web token says about itself. Nothing is verified: that is the broker's. */
struct kafka_token_claims {
	int64_t expires_s; /* exp; 0: it does not say */
	char subject[256]; /* sub; "": it does not say */
};

/* Claims of a token; one that is no JSON web token has none. */
void kafka_token_claims(struct str token, struct kafka_token_claims *claims_r);
/* Gives librdkafka the token as it is now, or the reason why there is none, which comes back as an
 * error of authentication. */
void kafka_token_show(rd_kafka_t *rk, const struct kafka_settings *settings);
